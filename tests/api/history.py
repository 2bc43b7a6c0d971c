"""The checker of carts: what callers saw, against the operations that MariaDB holds.

Versions give the order of writes, so linear time suffices. The rules, by the letters that
stand before every violation:

  a  versions grow by exactly 1; an acknowledged write is there, at the version it was told
  b  what a write or a read showed at a version is what the writes up to it make
  c  an operation that began after another one ended sees no older version, and a write a newer
  d  a write that was refused is not there
"""

import bisect
import dataclasses
import hashlib

OK, FAIL, INFO = "ok", "fail", "info"
READ = "read"


@dataclasses.dataclass
class Op:
    """One operation of one caller, all repetitions with its key included."""

    user: int
    kind: str  # add, set, remove, empty or READ
    product: int = 0
    quantity: int = 0
    op_id: bytes = b""
    begun: float = 0.0
    ended: float = 0.0
    outcome: str = INFO
    version: int = 0  # as answered
    content: dict = None  # product: quantity, as answered


@dataclasses.dataclass
class Row:
    """One row of cart_op, its document as product: quantity."""

    user: int
    version: int
    op_id: bytes
    content: dict


def op_id(user, key):
    """How halle names an operation with an Idempotency-Key."""
    return hashlib.sha256(f"{user}\n{key}".encode()).digest()[:16]


def applied(content, op):
    after = dict(content)
    if op.kind == "add":
        after[op.product] = after.get(op.product, 0) + op.quantity
    elif op.kind == "set":
        after[op.product] = op.quantity
    elif op.kind == "remove":
        after.pop(op.product, None)
    elif op.kind == "empty":
        after.clear()
    return after


def replay(rows, by_id):
    """States by version, from the operations' own meaning, and what is wrong with the rows."""
    states, wrong = {0: {}}, []
    for number, row in enumerate(sorted(rows, key=lambda r: r.version), 1):
        if row.version != number:
            wrong.append(f"a: user {row.user} has version {row.version} where {number} belongs")
            return states, wrong
        op = by_id.get(row.op_id)
        if op:
            states[number] = applied(states[number - 1], op)
        elif number == 1 and not row.content:
            states[number] = {}  # the cart was made
        else:
            wrong.append(f"a: nobody asked for version {number} of user {row.user}")
            states[number] = row.content
        if states[number] != row.content:
            wrong.append(f"b: version {number} of user {row.user} holds {row.content}, not {states[number]}")
    return states, wrong


def check_writes(ops, row_of):
    for op in ops:
        row = row_of.get(op.op_id)
        if op.kind == READ:
            continue
        if op.outcome == FAIL and row:
            yield f"d: {op} was refused and is version {row.version}"
        if op.outcome == OK and (not row or row.version != op.version):
            yield f"a: {op} was acknowledged and is {row}"


def check_contents(ops, states):
    for op in ops:
        if op.outcome == OK and op.content != states.get(op.version):
            yield f"b: {op} does not show {states.get(op.version)}"


def check_order(ops):
    """Versions that were known when an operation began, by the time they became known."""
    done = sorted((op for op in ops if op.outcome == OK), key=lambda op: op.ended)
    times, newest = [], []
    for op in done:
        times.append(op.ended)
        newest.append(max(op.version, newest[-1] if newest else 0))
    for op in done:
        before = bisect.bisect_left(times, op.begun)
        known = newest[before - 1] if before else 0
        if op.version < known or (op.kind != READ and op.version == known):
            yield f"c: {op} began after version {known} was known"


def violations(ops, rows):
    """What is wrong with a history; empty when it is as if all happened one after the other."""
    found = []
    by_id = {op.op_id: op for op in ops if op.op_id}
    for user in sorted({op.user for op in ops} | {row.user for row in rows}):
        mine = [op for op in ops if op.user == user]
        own_rows = [row for row in rows if row.user == user]
        states, wrong = replay(own_rows, by_id)
        found += wrong
        found += check_writes(mine, {row.op_id: row for row in own_rows})
        found += check_contents(mine, states)
        found += check_order(mine)
    return found
