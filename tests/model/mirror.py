#!/usr/bin/python3
"""Exhaustive model of how a cart is written to two stores (fcgi/carts/carts_write.c).

One cart: its row in MariaDB with the row lock, its two slots in the mirror, a set of messages
under way. Every order of these is explored: writers and their time-outs, messages that are
lost or late, workers killed at any step, clients who repeat a request, a mirror that loses
everything, a MariaDB that crashes, and the reconciler.

MariaDB shows a commit to others, and gives them its lock, before its log is on disk; only then
it tells who committed. A crash loses what is not on disk.

Writer:      lock, fence -> PREPARE (BEHIND makes it send again, or see that what it read is on
             disk and send that along) -> COMMIT -> on disk -> answer, PROMOTE later;
             refused or silent: ROLLBACK, ABORT later, 503
Reconciler:  lock, see that what it read is on disk, look at the slots, then ABORT, PROMOTE or
             OVERWRITE; rebuilding, FORCE without the lock
Carts are read from MariaDB alone. Who reads the mirror (a restore) takes the committed slot,
if nothing is prepared and the mirror is verified.

Each variant takes one rule away, and must be found out. Usage: mirror.py [--long]
"""

import sys
import time
from collections import deque, namedtuple

WRITERS = "ABCD"
EMPTY = (0, "0", 0, "", 0)  # committed version, name; prepared version, name; highest fence

State = namedtuple("State", "row disk lock fences slots writers messages rec kills losses verified retries crashes")
Rules = namedtuple("Rules", "base fence by_fence close slot_check epoch durable", defaults=(True,) * 7)
Message = namedtuple("Message", "verb version name fence writer base whole", defaults=(0, 0, "", False))
# base: the name of the state before; whole: its content is sent along

IDLE, SEND, WAIT, COMMIT, FLUSH, PROMOTE, REFUSE, DONE = range(8)
OK, REFUSED, BEHIND = 1, 2, 3  # answers to PREPARE
FREE, RECONCILER = -1, -2
MESSAGES_MAX = 4

Writer = namedtuple("Writer", "step version fence answer told", defaults=(IDLE, 0, 0, 0, False))


# -- the mirror's verbs: slots before -> slots after (and the answer, for PREPARE)


def prepare(slots, m, rules):
    version, name, pversion, pname, highest = slots
    if rules.fence and m.fence <= highest:
        return slots, REFUSED
    if rules.base:
        if version < m.version - 1:
            if not rules.durable and (pversion, pname) == (m.version - 1, m.base):
                version, name = pversion, pname
            elif m.whole:
                version, name = m.version - 1, m.base
            else:
                return slots, BEHIND
        elif version > m.version - 1:
            return slots, REFUSED
    elif version >= m.version or pversion > m.version:
        return slots, REFUSED
    return (version, name, m.version, m.name, max(highest, m.fence)), OK


def settle(slots, m):
    """PROMOTE and ABORT: only of the very state that is prepared."""
    version, name, pversion, pname, highest = slots
    if (pversion, pname) != (m.version, m.name):
        return slots
    if m.verb == "promote":
        version, name = pversion, pname
    return version, name, 0, "", highest


def force(slots, m):
    """FORCE installs a newer state; OVERWRITE, under the lock, also another one of its version."""
    version, name, pversion, pname, highest = slots
    if 0 < pversion <= m.version:
        pversion, pname = 0, ""
    if m.version > version or (m.verb == "overwrite" and m.version == version):
        version, name = m.version, m.name
    return version, name, pversion, pname, highest


# -- what must always be so


def breaches(st, rules):
    version, name, pversion, pname, _ = st.slots
    committed, prepared = (version, name), (pversion, pname)
    if version > st.row[0]:
        yield "the mirror is ahead"
    if version == st.row[0] and name != st.row[1]:
        yield "one version, two contents"
    if st.verified and st.row not in (committed, prepared):
        yield "a committed write is in neither slot"
    reads = (st.verified or not rules.epoch) and (pversion == 0 or not rules.slot_check)
    if reads and committed != st.row:
        yield "a restore would take what is stale or was never committed"


# -- steps: every state that may come next


def name_of(i, fence, rules):
    """How an attempt is named in the mirror."""
    return WRITERS[i] + (str(fence) if rules.by_fence else "")


def writer_steps(st, i, rules):
    w = st.writers[i]
    name = name_of(i, w.fence, rules)

    def to(step, answer=None, **changes):
        new = w._replace(step=step, answer=w.answer if answer is None else answer,
                         told=changes.pop("told", w.told))
        return st._replace(writers=st.writers[:i] + (new,) + st.writers[i + 1:], **changes)

    def sent(verb, whole=False):
        return st.messages | {Message(verb, w.version, name, w.fence, i, st.row[1], whole)}

    def settled(verb):
        return st.messages | {Message(verb, w.version, name)}

    unlocked = FREE if st.lock == i else st.lock
    if w.step == IDLE and st.lock == FREE:
        began = Writer(SEND, st.row[0] + 1, st.fences + 1)
        yield st._replace(lock=i, fences=st.fences + 1,
                          writers=st.writers[:i] + (began,) + st.writers[i + 1:])
    elif w.step == SEND:
        yield to(WAIT, 0, messages=sent("prepare"))
    elif w.step == WAIT and w.answer == BEHIND:
        yield to(WAIT, 0, messages=sent("prepare"))
        yield to(WAIT, 0, messages=sent("prepare", whole=True), disk=on_disk(st, rules))
        yield to(REFUSE)
    elif w.step == WAIT:
        yield to(COMMIT if w.answer == OK else REFUSE)
    elif w.step == COMMIT:
        yield to(FLUSH, row=(w.version, name), lock=FREE)
    elif w.step == FLUSH:
        yield to(PROMOTE, disk=st.row)  # the log is one: what came later is on disk too
    elif w.step == PROMOTE:
        yield to(DONE, messages=settled("promote"))
    elif w.step == REFUSE:
        yield to(DONE, told=True, lock=unlocked, messages=settled("abort"))
    elif w.step == DONE and w.told and st.retries:
        yield to(IDLE, 0, told=False, retries=st.retries - 1)
    if st.kills and w.step not in (IDLE, DONE):
        yield to(DONE, lock=unlocked, kills=st.kills - 1)


def heard(st, m, answer, rules):
    """The writer who waits for this answer gets it; another attempt only over a kept connection."""
    w = st.writers[m.writer]
    if w.step != WAIT or w.answer or (rules.close and w.fence != m.fence):
        return st.writers
    return st.writers[: m.writer] + (w._replace(answer=answer),) + st.writers[m.writer + 1:]


def message_steps(st, rules):
    for m in st.messages:
        rest = st.messages - {m}
        yield st._replace(messages=rest)
        if m.verb == "prepare":
            slots, answer = prepare(st.slots, m, rules)
            yield st._replace(messages=rest, slots=slots, writers=heard(st, m, answer, rules))
        elif m.verb in ("promote", "abort"):
            yield st._replace(messages=rest, slots=settle(st.slots, m))
        else:
            yield st._replace(messages=rest, slots=force(st.slots, m))


def on_disk(st, rules):
    """Somebody has committed something of his own since, and was told."""
    return st.row if rules.durable else st.disk


def repair(st):
    """What the reconciler does about the slots it saw under the lock."""
    _, _, pversion, pname, _ = st.slots
    if pversion > st.row[0]:
        return Message("abort", pversion, pname)
    if (pversion, pname) == st.row:
        return Message("promote", pversion, pname)
    return Message("overwrite", *st.row)


def reconciler_steps(st, rules):
    if st.lock == FREE and (st.slots[2] or not st.verified):
        yield st._replace(lock=RECONCILER, rec=repair(st), disk=on_disk(st, rules))
    if st.rec:
        slots = settle(st.slots, st.rec) if st.rec.verb in ("promote", "abort") else force(st.slots, st.rec)
        # it says that the mirror is verified only when it found it equal
        equal = slots[:2] == st.row and not slots[2]
        yield st._replace(lock=FREE, rec=None, slots=slots, verified=st.verified or equal)
    if not st.verified and len(st.messages) < MESSAGES_MAX - 1:
        yield st._replace(messages=st.messages | {Message("force", *st.row)}, disk=on_disk(st, rules))


def crash(st):
    """Whoever is within a transaction, or waits for the end of one, is told that it broke off."""
    ended = tuple(w if w.step in (IDLE, PROMOTE, REFUSE, DONE) else w._replace(step=DONE) for w in st.writers)
    return st._replace(row=st.disk, lock=FREE, rec=None, writers=ended, crashes=st.crashes - 1)


def steps(st, rules):
    for i in range(len(st.writers)):
        yield from writer_steps(st, i, rules)
    yield from message_steps(st, rules)
    yield from reconciler_steps(st, rules)
    if st.crashes:
        yield crash(st)
    if st.losses and st.slots[0]:
        yield st._replace(slots=EMPTY, losses=st.losses - 1, verified=False)


def explore(rules=Rules(), writers=2, kills=2, losses=0, retries=0, crashes=0, until_found=False):
    """The number of states, and the rules broken in any of them."""
    start = State((0, "0"), (0, "0"), FREE, 0, EMPTY, (Writer(),) * writers, frozenset(), None, kills, losses,
                  True, retries, crashes)
    seen, todo, found = {start}, deque([start]), set()
    while todo and not (found and until_found):
        st = todo.popleft()
        found.update(breaches(st, rules))
        for after in steps(st, rules):
            if after not in seen and len(after.messages) <= MESSAGES_MAX:
                seen.add(after)
                todo.append(after)
    return len(seen), found


PROTOCOL = (  # name, whether it takes long, parameters
    ("2 writers, 2 killed", False, {}),
    ("2 writers, mirror lost once", False, {"kills": 1, "losses": 1}),
    ("1 writer, killed, repeats, mirror lost", False, {"writers": 1, "kills": 1, "losses": 1, "retries": 1}),
    ("3 writers", False, {"writers": 3, "kills": 0}),
    ("2 writers, 2 repetitions", False, {"kills": 0, "retries": 2}),
    ("2 writers, MariaDB crashes twice", False, {"kills": 0, "crashes": 2}),
    ("2 writers, killed, MariaDB crashes, mirror lost", True, {"kills": 1, "crashes": 1, "losses": 1}),
    ("3 writers, MariaDB crashes", True, {"writers": 3, "kills": 0, "crashes": 1}),
    ("3 writers, 2 killed", True, {"writers": 3}),
    ("2 writers, killed, repeats, mirror lost", True, {"kills": 1, "losses": 1, "retries": 1}),
)
VARIANTS = (  # the rule that is off, parameters
    ("base", {}),
    ("fence", {"writers": 2, "kills": 1}),
    ("by_fence", {"kills": 0, "retries": 1}),
    ("close", {"kills": 0, "retries": 1}),
    ("slot_check", {}),
    ("epoch", {"kills": 1, "losses": 1}),
    ("durable", {"kills": 0, "crashes": 1}),
)


def report(what, began, count, found):
    took = time.monotonic() - began
    print(f"{what:44s} {count:8d} states {took:6.1f} s  {'; '.join(sorted(found)) or 'nothing broken'}",
          flush=True)


def main(long):
    failed = passed = 0
    for name, takes_long, parameters in PROTOCOL:
        if takes_long and not long:
            continue
        began = time.monotonic()
        count, found = explore(**parameters)
        report(f"protocol: {name}", began, count, found)
        failed, passed = failed + bool(found), passed + (not found)
    for rule, parameters in VARIANTS:
        began = time.monotonic()
        count, found = explore(Rules()._replace(**{rule: False}), until_found=True, **parameters)
        report(f"without {rule} (must be found)", began, count, found)
        failed, passed = failed + (not found), passed + bool(found)
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main("--long" in sys.argv[1:]))
