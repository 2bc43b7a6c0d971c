#!/usr/bin/python3
"""Exhaustive model of one order: its stock, its payments, the bank, and the events between them.

One key of one client, one unit of stock, and a rival who may buy it and bring it back. Every
order of these is explored: requests repeated with one key, calls and answers that are late or
lost, threads killed at any step, events in any order, expiry of the order and of its
reservation, cancel, edit, two payments, and the completer.

products   reserve, commit, release: by the name of the reservation
orders     create = reserve, then one transaction; begin = reserve again, then a guarded update
payments   row -> begin at orders -> charge at the bank -> result; what is left: the completer
bank       an outcome per key; a key that is asked for and was never seen is void for ever

A state where nothing but clients could act must be settled: there they all have gone. Each
variant takes one rule away, and must be found out. Usage: saga.py [--long] [--trace]
"""

import sys
import time
from collections import deque

import saga_steps
from saga_steps import AMOUNT, CLOSED, SOLD, Order, Pay, Rules, State, bank_refunded, refunded

# -- what must always be so, and what when all is settled


def breaches(st):
    states = [state for _, state in st.res]
    held, sold = states.count("held"), states.count("committed")
    if st.stock < 0:
        yield "stock below zero"
    if st.stock + held + sold + (st.rival == 1) != st.initial:
        yield "available + held + sold is not what there was"
    if st.orders > 1:
        yield "two orders of one key"
    if sum(state in ("held", "committed") for name, state in st.res if name.startswith("key")) > 1:
        yield "one key holds its stock twice"
    if sum(c == "approved" and bank_refunded(st, p) < AMOUNT for p, c in enumerate(st.charges)) > 1:
        yield "paid twice"
    if any(c == "approved" and bank_refunded(st, p) > AMOUNT for p, c in enumerate(st.charges)):
        yield "refunded more than was paid"
    if st.order.status in CLOSED and st.order.pstate == "started":
        yield "closed while a payment is under way"


def unsettled(st):
    """What is wrong with a state in which nothing more will happen by itself."""
    o, states = st.order, dict(st.res)
    if st.events:
        yield "an event is never taken"
    if o.status == "pending" or o.pstate in ("started", "refunding"):
        yield "an order is stuck"
    if any(p.state in ("initiated", "unknown") for p in st.pays) or any(r.state == "initiated" for r in st.refunds):
        yield "a payment is stuck"
    if "held" in states.values():
        yield "stock is held for ever"
    if [n for n, s in st.res if s == "committed"] != [o.res] * (o.status in SOLD):
        yield "stock committed is not the stock of the paid order"
    for p, charge in enumerate(st.charges):
        if (charge == "approved") != (st.pays[p].state == "captured") or bank_refunded(st, p) != refunded(st, p):
            yield "the ledgers of bank and payments differ"
        kept = AMOUNT - bank_refunded(st, p) if charge == "approved" else 0
        if kept and (o.status not in SOLD or o.payment != p):
            yield "money is kept for nothing"
        if o.status in SOLD and o.payment == p and charge != "approved":
            yield "paid without money"


# -- every state


def beginning(posts=0, pays=1, edit=False, kills=0, rival=False, stock=1):
    """Without posts, the order is there."""
    st = State(stock, 0 if rival else 2, (), 0, ("idle",) * posts, "idle" if edit else "done", Order(),
               (("idle", None),) * pays, (Pay(),) * pays, ("none",) * pays, (), frozenset(), kills, stock)
    if not posts:
        st = st._replace(stock=stock - 1, res=(("key", "held"),), orders=1, order=Order("pending", "key"))
    return st


def trace_of(came, st):
    told = []
    while came[st]:
        st, what = came[st]
        told.append(what)
    return told[::-1]


def explore(off=(), admin="", wanted=None, **parameters):
    """The number of states, and {breach: what led to it}; only until the wanted one is found."""
    rules = Rules()._replace(**dict.fromkeys(off, False))
    start = beginning(**parameters)
    came, todo, found = {start: None}, deque([start]), {}
    while todo and wanted not in found:
        st = todo.popleft()
        after = [pair for steps in saga_steps.SYSTEM for pair in steps(st, rules) if pair[1] != st]
        wrong = list(breaches(st))
        if not after:
            wrong += unsettled(st)
        for breach in wrong:
            found.setdefault(breach, trace_of(came, st))
        for what, new in (*after, *saga_steps.client_steps(st, rules, admin),
                          *saga_steps.rival_steps(st), *saga_steps.kill_steps(st)):
            if new not in came:
                came[new] = (st, what)
                todo.append(new)
    return len(came), found


PAYING = {"kills": 1, "rival": True, "admin": "cancels"}
PROTOCOL = (  # name, whether it takes long, parameters
    ("2 requests with one key, 1 killed, rival", False, {"posts": 2, "pays": 0, "kills": 1, "rival": True}),
    ("2 requests, payment, 1 killed, cancel", False, {"posts": 2, "kills": 1, "rival": True, "admin": "cancels"}),
    ("payment, 2 killed, rival, cancel", False, {"kills": 2, "rival": True, "admin": "cancels"}),
    ("payment, half refunded, 1 killed, cancel", False, {"kills": 1, "admin": "refunds"}),
    ("payment, edit, 1 killed, rival, cancel", False, {"edit": True, "kills": 1, "rival": True, "admin": "cancels"}),
    ("2 payments", False, {"pays": 2}),
    ("payment, cancel, rival, events come twice", False, {**PAYING, "off": ("inbox",)}),
    ("2 payments, rival, cancel", True, {"pays": 2, "rival": True, "admin": "cancels"}),
    ("2 payments, 1 killed, half refunded", True, {"pays": 2, "kills": 1, "admin": "refunds"}),
    ("2 requests, payment, edit, 1 killed, cancel", True,
     {"posts": 2, "edit": True, "kills": 1, "rival": True, "admin": "cancels"}),
)
VARIANTS = (  # the rules that are off, the breach that must be found, parameters
    (("row_first",), "the ledgers of bank and payments differ", PAYING),
    (("unknown",), "the ledgers of bank and payments differ", PAYING),
    (("unknown",), "paid twice", {"pays": 2}),
    (("void",), "the ledgers of bank and payments differ", PAYING),
    (("expiry_waits",), "closed while a payment is under way", PAYING),
    (("cancel_waits",), "closed while a payment is under way", PAYING),
    (("tombstone",), "an order is stuck", PAYING),
    (("by_key",), "one key holds its stock twice", {"posts": 2, "pays": 0, "stock": 2}),
    (("refund_closed", "expiry_waits"), "money is kept for nothing", PAYING),
    (("release_once",), "available + held + sold is not what there was", PAYING),
    (("retake",), "available + held + sold is not what there was", PAYING),
    (("release_final",), "stock committed is not the stock of the paid order", {"posts": 2, "admin": "cancels"}),
    (("commit_yields",), "an event is never taken", PAYING),
    (("refund_repeats",), "money is kept for nothing", PAYING),
)


def report(what, began, count, found):
    took = time.monotonic() - began
    print(f"{what:64s} {count:8d} states {took:6.1f} s  {'; '.join(sorted(found)) or 'nothing broken'}",
          flush=True)


def tell(found):
    for breach, steps in found.items():
        print("\n    ".join((f"  {breach}:", *steps)))


def main(long, trace):
    failed = passed = 0
    for name, takes_long, parameters in PROTOCOL:
        if takes_long and not long:
            continue
        began = time.monotonic()
        count, found = explore(**parameters)
        report(f"saga: {name}", began, count, found)
        tell(found)
        failed, passed = failed + bool(found), passed + (not found)
    for off, wanted, parameters in VARIANTS:
        began = time.monotonic()
        count, found = explore(off=off, wanted=wanted, **parameters)
        report(f"without {', '.join(off)} (must be found)", began, count, found)
        tell(found if trace else {})
        failed, passed = failed + (wanted not in found), passed + (wanted in found)
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main("--long" in sys.argv[1:], "--trace" in sys.argv[1:]))
