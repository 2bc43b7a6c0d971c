"""What must hold between MariaDB, the mirror and the journal, at every moment and in the end."""

import json
import re
import time

import pymysql
import redis

from actors import Actor
from harness import eventually
from history import Row, op_id
from mirrors import mirror_store
from shoppers import disagreements

CONVERGENCE = 5  # seconds promised


# -- the journal


def table():
    made = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        made.append(byte)
    return made


CRC = table()


def castagnoli(text):
    crc = 0xFFFFFFFF
    for byte in text:
        crc = crc >> 8 ^ CRC[(crc ^ byte) & 0xFF]
    return f"{crc ^ 0xFFFFFFFF:08x}"


def journal(instance):
    """Its lines, each of which must parse and prove itself; but a killed worker may leave one
    that does not end, which is mended with a newline, perhaps by two processes."""
    path = instance.path("journal")
    lines = []
    for raw in path.read_bytes().splitlines() if path.exists() else []:
        end = re.search(rb',"crc32c":"([0-9a-f]{8})"}\Z', raw)
        if not end:
            assert b',"crc32c":"' not in raw[:-20], raw
            continue
        assert end[1].decode() == castagnoli(raw[: end.start()]), raw
        lines.append(json.loads(raw))
    return lines


def every_failure_is_journalled(instance, request_ids):
    """One line for each answer that said the mirror failed."""
    counts = {}
    for line in journal(instance):
        counts[line["req_id"]] = counts.get(line["req_id"], 0) + 1
    wrong = {rid: counts.get(rid, 0) for rid in request_ids if counts.get(rid, 0) != 1}
    assert not wrong, f"journal lines by request: {wrong}"


# -- both stores


def operations(instance, users):
    """cart_op of these users, for the checker."""
    rows = []
    for user in users:
        found = instance.rows("carts", "SELECT op_id, version, doc FROM cart_op WHERE user_id = %s", user)
        rows += [Row(user, r["version"], r["op_id"], contents(r["doc"])) for r in found]
    return rows


def contents(doc):
    return {line["p"]: line["q"] for line in json.loads(doc)}


def shown(cart):
    """The same of a cart as it is answered."""
    return {line["product_id"]: line["quantity"] for line in cart["items"]}


def has_op(instance, user, key):
    return bool(instance.rows("carts", "SELECT 1 FROM cart_op WHERE op_id = %s", op_id(user, key)))


def converge(instance):
    """Waits until both stores hold the same for every user and nothing is prepared; seconds."""
    began = time.monotonic()
    try:
        eventually(lambda: mirror_store(instance).is_verified() and not disagreements(instance), 4 * CONVERGENCE)
    except AssertionError:
        raise AssertionError(f"the stores differ: {disagreements(instance)}") from None
    return time.monotonic() - began


def breaches(row, slots, verified):
    """Invariants between a cart's row, whose lock is held, and its slots."""
    ours = (row["version"], row["fence"], row["doc"])
    committed = (int(slots.get("v", 0)), int(slots.get("f", 0)), slots.get("d"))
    prepared = (int(slots.get("pv", 0)), int(slots.get("pf", 0)), slots.get("pd"))
    if committed[0] > ours[0]:
        yield f"I1: the mirror is ahead: {committed}, database {ours}"
    if committed[0] == ours[0] != 0 and committed != ours:
        yield f"I1: one version, two contents: {committed}, database {ours}"
    if verified and ours[0] and ours not in (committed, prepared):
        yield f"I2: in neither slot: {committed}, {prepared}, database {ours}"


class Watch(Actor):
    """Looks at the carts of these users again and again, each under its row lock: no write is
    between its steps then, unless it died there."""

    PAUSE = 0.02

    def __init__(self, instance, users):
        super().__init__()
        self.instance, self.users, self.looks, self.found = instance, users, 0, []

    def act(self):
        try:
            self.look_at_all()
        except (pymysql.Error, redis.RedisError, OSError):
            self.ended.wait(self.PAUSE)  # a store is away: nothing can be said

    def look_at_all(self):
        store = mirror_store(self.instance)
        with store.viewer(timeout=0.2) as view, self.instance.database("carts") as database:
            while not self.ended.wait(self.PAUSE):
                for user in self.users:
                    self.found += [f"user {user}: {what}" for what in look(database, view, user)]
                    self.looks += 1


def look(database, view, user):
    with database.cursor() as cursor:
        cursor.execute("START TRANSACTION")
        try:
            cursor.execute("SELECT version, fence, doc FROM cart WHERE user_id = %s FOR UPDATE", user)
            row = cursor.fetchone()
            slots, verified = view(user)
        finally:
            cursor.execute("ROLLBACK")
    return list(breaches(row, slots, verified)) if row else []
