"""The services of the order saga as saga.py explores them: their states, and every step that may come."""

from collections import namedtuple

AMOUNT = 2  # of the order, so that a half can be refunded

State = namedtuple("State", "stock rival res orders posts edit order begins pays charges refunds events kills initial")
# res: {name: state} as sorted pairs; events: (to, kind, what) not taken yet
Order = namedtuple("Order", "status res payment pstate version rows", defaults=("none", "", None, "none", 0, ()))
# rows: (payment, state) of order_payment
Refund = namedtuple("Refund", "id payment cents state bank step")
Pay = namedtuple("Pay", "step state answer completer", defaults=("idle", "none", "", ""))

RULES = {
    "row_first": "the attempt is committed before the bank is called",
    "unknown": "a time-out is not a failure",
    "void": "resolving a key that was never seen makes it void",
    "expiry_waits": "a started payment keeps its order from expiring",
    "cancel_waits": "a started payment keeps its order from being cancelled",
    "tombstone": "a payment that failed before it began cannot begin",
    "by_key": "the reservation is named by the key, not by the attempt",
    "refund_closed": "money that comes for a closed order goes back",
    "release_once": "a release gives back only what is taken",
    "retake": "a commit takes expired stock again",
    "inbox": "an event is taken once",
    "release_final": "the reservation of a closed order cannot be held again",
    "commit_yields": "the commit of a released reservation is taken, and orders is told",
    "refund_repeats": "the completer repeats a refund, and does not void it",
}
Rules = namedtuple("Rules", RULES, defaults=(True,) * len(RULES))

CLOSED = ("cancelled", "expired")
SOLD = ("paid",)


# -- products


def res_of(st, name):
    return dict(st.res).get(name, "none")


def put_res(st, name, state, stock=0):
    return st._replace(res=tuple(sorted({**dict(st.res), name: state}.items())), stock=st.stock + stock)


def reserve(st, name, rules, instead=None):
    """(state, answered well)."""
    before = st
    if instead and res_of(st, instead) == "held":
        st = put_res(st, instead, "expired", +1)
    have = res_of(st, name)
    if have in ("held", "committed"):
        return st, True
    if have == "released" and rules.release_final or st.stock < 1:
        return before, False
    return put_res(st, name, "held", -1), True


def commit(st, name, rules):
    """Taken as an event; None: refused, so it comes again."""
    have = res_of(st, name)
    if have == "held":
        return put_res(st, name, "committed")
    if have == "committed":
        return st
    if have == "released" and rules.commit_yields:
        return sent(st, ("orders", "lost", name))
    if have == "expired":
        if st.stock >= 1 or not rules.retake:
            return put_res(st, name, "committed", -1 if rules.retake else 0)
        return sent(st, ("orders", "lost", name))
    return None


def release(st, name, rules):
    have = res_of(st, name)
    if have == "none":
        return st
    back = have in ("held", "committed") or not rules.release_once
    return put_res(st, name, "released", +1 if back else 0)


# -- orders


def sent(st, *events):
    return st._replace(events=st.events | set(events))


def change(st, **to):
    return st._replace(order=st.order._replace(**to))


def close(st, status, *events):
    st = change(st, status=status)
    return sent(st, ("products", "release", st.order.res), *events)


def with_row(st, p, state):
    return change(st, rows=tuple(sorted({**dict(st.order.rows), p: state}.items())))


def cancel(st):
    o = st.order
    if o.status == "pending":
        return close(st, "cancelled")
    st = close(st, "cancelled", ("payments", "refund", o.payment))
    return change(st, pstate="refunding") if o.pstate != "refunded" else st


def take_captured(st, p, rules):
    o = st.order
    if dict(o.rows).get(p) in ("captured", "refunded"):
        return st
    st = with_row(st, p, "captured")
    if o.status == "pending" and o.payment == p:
        return sent(change(st, status="paid", pstate="captured"), ("products", "commit", o.res))
    return sent(st, ("payments", "refund", p)) if rules.refund_closed else st


def take_failed(st, p, rules):
    o = st.order
    if p not in dict(o.rows) and not rules.tombstone:
        return st
    st = with_row(st, p, "failed")
    if o.payment == p and o.pstate == "started":
        st = change(st, payment=None, pstate="none")
    return st


def take_refunded(st, p, cents):
    if cents < AMOUNT:
        keep = st.order.payment == p and st.order.pstate == "captured"
        return change(st, pstate="partially_refunded") if keep else st
    st = with_row(st, p, "refunded")
    return change(st, pstate="refunded") if st.order.payment == p else st


def take_lost(st, name):
    o = st.order
    return cancel(st) if o.status in SOLD and o.res == name else st


# -- payments and the bank


def put_pay(st, p, **to):
    return st._replace(pays=st.pays[:p] + (st.pays[p]._replace(**to),) + st.pays[p + 1:])


def put_charge(st, p, outcome):
    return st._replace(charges=st.charges[:p] + (outcome,) + st.charges[p + 1:])


def result(st, p, outcome):
    """The transaction that ends an attempt, guarded by its state."""
    if st.pays[p].state not in ("initiated", "unknown"):
        return st
    state = {"approved": "captured", "declined": "declined"}.get(outcome, "failed")
    kind = "captured" if state == "captured" else "failed"
    return sent(put_pay(st, p, state=state), ("orders", kind, p))


def refunded(st, p, done=("done",)):
    return sum(r.cents for r in st.refunds if r.payment == p and r.state in done)


def bank_refunded(st, p):
    return sum(r.cents for r in st.refunds if r.payment == p and r.bank == "done")


def new_refund(st, name, p, cents):
    left = AMOUNT - refunded(st, p, ("done", "initiated"))
    cents = min(cents, left)
    if st.pays[p].state != "captured" or cents <= 0 or any(r.id == name for r in st.refunds):
        return st
    return st._replace(refunds=st.refunds + (Refund(name, p, cents, "initiated", "none", "call"),))


# -- steps of the system: (what happens, state)


def took(st, event, rules):
    """The state after an event was taken; None: refused."""
    to, kind, what = event
    if to == "products":
        return commit(st, what, rules) if kind == "commit" else release(st, what, rules)
    if to == "payments":
        return new_refund(st, ("order", what), what, AMOUNT) if kind == "refund" else result(st, what, "approved")
    if kind == "captured":
        return take_captured(st, what, rules)
    if kind == "failed":
        return take_failed(st, what, rules)
    return take_lost(st, what) if kind == "lost" else take_refunded(st, *what)


def event_steps(st, rules):
    for event in sorted(st.events, key=repr):
        after = took(st._replace(events=st.events - {event}), event, rules)
        if after is not None:
            yield f"event {event}", after
            if not rules.inbox:
                yield f"event {event}, and it will come again", after._replace(events=after.events | {event})


def post_steps(st, rules):
    """A request that creates the order: called (late: nobody waits any more), held."""
    for a, step in enumerate(st.posts):
        def to(new, after=st, a=a):
            return after._replace(posts=after.posts[:a] + (new,) + after.posts[a + 1:])

        name = "key" if rules.by_key else f"key{a}"
        if step in ("called", "late"):
            after, well = reserve(st, name, rules)
            yield f"post {a}: reserve", to("held" if well and step == "called" else "done", after)
        elif step == "held":
            after = to("done")
            if st.order.status == "none":
                after = change(after._replace(orders=st.orders + 1), status="pending", res=name)
            yield f"post {a}: transaction", after


def edit_steps(st, rules):
    o = st.order
    if st.edit in ("called", "late"):
        after, well = reserve(st, "edit", rules, instead="key")
        yield "edit: reserve", after._replace(edit="held" if well and st.edit == "called" else "done")
    elif st.edit == "held":
        after = st._replace(edit="done")
        if o.status == "pending" and o.pstate == "none":
            after = change(after, res="edit", version=o.version + 1)
        yield "edit: transaction", after


def job_steps(st, rules):
    o = st.order
    if o.status == "pending" and (o.pstate == "none" or not rules.expiry_waits):
        yield "the order expires", close(st, "expired")
    for name, state in st.res:
        if state == "held":
            yield f"reservation {name} expires", put_res(st, name, "expired", +1)


def begin_steps(st, rules):
    """A call of payments at orders: sent, looked (it was pending), reserved, or over."""
    o = st.order
    for p, (step, seen) in enumerate(st.begins):
        def to(step, after=st, seen=seen, p=p, answer=None):
            after = after._replace(begins=after.begins[:p] + ((step, seen),) + after.begins[p + 1:])
            if answer and after.pays[p].step == "begin":
                after = put_pay(after, p, step=answer)
            return after

        free = o.status == "pending" and (o.pstate == "none" or o.payment == p) and p not in dict(o.rows)
        if step == "sent":
            if free:
                yield f"begin {p}: looks", to("looked", seen=(o.res, o.version))
            else:
                yield f"begin {p}: refused", to("over", seen=None, answer="refused")
        elif step == "looked":
            after, well = reserve(st, seen[0], rules)
            if well:
                yield f"begin {p}: reserve", to("reserved", after)
            else:
                gone = close(st, "expired") if o.status == "pending" and o.pstate == "none" else st
                yield f"begin {p}: no stock", to("over", gone, None, answer="refused")
        elif step == "orphan":
            yield f"begin {p}: late reserve", to("over", reserve(st, seen[0], rules)[0], None)
        elif step == "reserved":
            if free and (o.res, o.version) == seen:
                after = with_row(change(st, payment=p, pstate="started"), p, "started")
                yield f"begin {p}: started", to("over", after, None, answer="begun")
            else:
                yield f"begin {p}: too late", to("over", seen=None, answer="refused")


def charge_steps(st, rules):
    """The bank gets the call; whoever waits still gets the answer."""
    for p, pay in enumerate(st.pays):
        if pay.step not in ("charge", "late"):
            continue
        for outcome in ("approved", "declined"):
            known = st.charges[p]
            after = put_charge(st, p, outcome) if known == "none" else st
            if known != "none" and outcome != "approved":
                continue
            heard = after.charges[p] if pay.step == "charge" else ""
            step = "answered" if heard else "done"
            yield f"bank: charge {p} {after.charges[p]}", put_pay(after, p, step=step, answer=heard)
            if after.charges[p] == "approved" and known == "none":
                yield (f"bank: charge {p}, answered twice",
                       sent(put_pay(after, p, step=step, answer=heard), ("payments", "settled", p)))


def pay_steps(st, rules):
    for p, pay in enumerate(st.pays):
        if pay.step == "begun":
            yield f"payment {p}: calls the bank", put_pay(st, p, step="charge")
        elif pay.step == "refused":
            state = "failed" if pay.state == "initiated" else pay.state
            yield f"payment {p}: refused", put_pay(st, p, step="done", state=state)
        elif pay.step == "answered":
            after = st if rules.row_first else put_pay(st, p, state="initiated")
            yield f"payment {p}: {pay.answer}", result(put_pay(after, p, step="done", answer=""), p, pay.answer)
        elif pay.step == "begin":
            yield f"payment {p}: no answer of orders", put_pay(st, p, step="done")
        elif pay.step == "charge":
            after = put_pay(st, p, step="late")
            if not rules.unknown:
                after = result(after, p, "timeout")
            elif after.pays[p].state == "initiated":
                after = put_pay(after, p, state="unknown")
            yield f"payment {p}: time-out", after


def completer_steps(st, rules):
    for p, pay in enumerate(st.pays):
        if pay.completer:
            yield f"completer {p}: {pay.completer}", result(put_pay(st, p, completer=""), p, pay.completer)
        elif pay.state in ("initiated", "unknown"):
            known = st.charges[p]
            after = put_charge(st, p, "void") if known == "none" and rules.void else st
            yield f"completer {p}: resolve", put_pay(after, p, completer=known if known != "none" else "void")


def refund_steps(st, rules):
    for i, r in enumerate(st.refunds):
        def to(i=i, r=r, **changes):
            return st._replace(refunds=st.refunds[:i] + (r._replace(**changes),) + st.refunds[i + 1:])

        if r.step in ("call", "late"):  # the bank gets the first call
            fits = bank_refunded(st, r.payment) + r.cents <= AMOUNT
            bank = r.bank if r.bank != "none" else "done" if fits else "refused"
            yield f"bank: refund {r.id}", to(bank=bank, step="answered" if r.step == "call" else "over")
        if r.step == "call":
            yield f"refund {r.id}: nobody waits", to(step="late")
            yield f"refund {r.id}: never sent", to(step="over")
        if r.state == "initiated" and r.step == "answered":
            yield f"refund {r.id}: {r.bank}", refund_result(to(step="over"), i)
        if r.state == "initiated" and r.step in ("late", "over"):
            if r.bank == "none":
                yield f"completer: refund {r.id}", to(bank="done" if rules.refund_repeats else "void")
            else:
                yield f"completer: refund {r.id} is {r.bank}", refund_result(st, i)


def refund_result(st, i):
    r = st.refunds[i]
    state = "done" if r.bank == "done" else "refused"
    st = st._replace(refunds=st.refunds[:i] + (r._replace(state=state),) + st.refunds[i + 1:])
    return sent(st, ("orders", "refunded", (r.payment, refunded(st, r.payment)))) if state == "done" else st


SYSTEM = (event_steps, post_steps, edit_steps, job_steps, begin_steps, charge_steps, pay_steps, completer_steps,
          refund_steps)


# -- steps that need not come: clients, the rival, the knife


def client_steps(st, rules, admin):
    o = st.order
    for a, step in enumerate(st.posts):
        if step == "idle" and (a == 0 or st.posts[a - 1] != "idle"):
            known = o.status != "none"
            yield f"post {a}", st._replace(posts=st.posts[:a] + ("done" if known else "called",) + st.posts[a + 1:])
    for p, pay in enumerate(st.pays):
        if pay.step == "idle" and o.status != "none" and (p == 0 or st.pays[p - 1].step != "idle"):
            state = "initiated" if rules.row_first else "none"
            after = put_pay(st, p, step="begin", state=state)
            yield f"payment {p}: asked for", after._replace(
                begins=st.begins[:p] + (("sent", None),) + st.begins[p + 1:])
    if st.edit == "idle" and o.status == "pending" and o.pstate == "none":
        yield "edit", st._replace(edit="called")
    if o.status == "pending" and (o.pstate == "none" or not rules.cancel_waits) or (admin and o.status in SOLD):
        yield "cancel", cancel(st)
    if admin == "refunds" and o.status in SOLD and not any(r.id == "admin" for r in st.refunds):
        yield "half is refunded", new_refund(st, "admin", o.payment, AMOUNT // 2)


def rival_steps(st):
    if st.rival == 0 and st.stock >= 1:
        yield "the rival buys", st._replace(rival=1, stock=st.stock - 1)
    if st.rival == 1:
        yield "the rival brings it back", st._replace(rival=2, stock=st.stock + 1)


def kill_steps(st):
    """A worker dies; what it has sent stays on its way."""
    if not st.kills:
        return
    st = st._replace(kills=st.kills - 1)
    for a, step in enumerate(st.posts):
        if step in ("called", "held"):
            new = "late" if step == "called" else "done"
            yield f"post {a} killed", st._replace(posts=st.posts[:a] + (new,) + st.posts[a + 1:])
    if st.edit in ("called", "held"):
        yield "edit killed", st._replace(edit="late" if st.edit == "called" else "done")
    for p, (step, seen) in enumerate(st.begins):
        if step in ("looked", "reserved"):
            left = ("orphan", seen) if step == "looked" else ("over", None)
            yield f"begin {p} killed", st._replace(begins=st.begins[:p] + (left,) + st.begins[p + 1:])
    for p, pay in enumerate(st.pays):
        if pay.step in ("begin", "begun", "answered", "refused", "charge"):
            yield f"payment {p} killed", put_pay(st, p, step="late" if pay.step == "charge" else "done", answer="")
        if pay.completer:
            yield f"completer {p} killed", put_pay(st, p, completer="")
