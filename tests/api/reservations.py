"""Reservations as orders asks for them, and what must hold of the stock whatever happened."""

import json
import uuid

import tokens

STATES = ("held", "committed", "released", "expired")


def new_id():
    return str(uuid.uuid4())


def ask(instance, verb, body, sender="orders"):
    """Status and JSON of POST /internal/products/<verb>."""
    return tokens.call(instance, sender, "products", f"/internal/products/{verb}", body)


def reserve(instance, reservation_id, items, hold_s=900, **more):
    """items: {product id: quantity}, or pairs, which may name a product twice."""
    pairs = items.items() if isinstance(items, dict) else items
    items = [{"product_id": product, "quantity": quantity} for product, quantity in pairs]
    return ask(instance, "reserve", {"reservation_id": reservation_id, "hold_s": hold_s, "items": items, **more})


def extend(instance, reservation_id, hold_s=900):
    return ask(instance, "extend", {"reservation_id": reservation_id, "hold_s": hold_s})


def commit(instance, reservation_id):
    return ask(instance, "commit", {"reservation_id": reservation_id})


def release(instance, reservation_id):
    return ask(instance, "release", {"reservation_id": reservation_id})


def let_go(instance, reservation_id):
    return ask(instance, "release", {"reservation_id": reservation_id, "again": True})


def tell(instance, kind, reservation_id, order_id=7, event_id=None, sender="orders"):
    """Delivers an event to products; its status."""
    data = {"reservation_id": reservation_id, "order_id": order_id}
    return tokens.tell(instance, sender, "products", kind, data, event_id)


def lost(instance, reservation_id):
    """What waits to be told of it: (receiver, type, data)."""
    rows = instance.rows("products", "SELECT service, type, data FROM outbox")
    found = [(row["service"], row["type"], json.loads(row["data"])) for row in rows]
    return [row for row in found if row[2]["reservation_id"] == reservation_id]


def done(answer, state=None):
    """The data of an answer of 200."""
    status, body = answer
    assert status == 200, answer
    assert state is None or body["data"]["state"] == state, answer
    return body["data"]


def refused(answer, status, code):
    got, body = answer
    assert got == status and body["error"]["code"] == code, answer
    return body


def state_of(instance, reservation_id):
    rows = instance.rows("products", "SELECT state FROM reservation WHERE id = %s", uuid.UUID(reservation_id).bytes)
    return rows[0]["state"] if rows else None


def stock_of(instance, product_id):
    return instance.rows("products", "SELECT storage_quantity FROM product WHERE id = %s", product_id)[0][
        "storage_quantity"
    ]


def overdue(instance, reservation_id):
    """Its time is over; the job will find it."""
    instance.rows(
        "products", "UPDATE reservation SET expires_at = NOW(6) - INTERVAL 1 SECOND WHERE id = %s",
        uuid.UUID(reservation_id).bytes,
    )


def ledger_of(instance, product_id):
    """(delta, reserved_delta, reason) of each change, the oldest first."""
    rows = instance.rows(
        "products", "SELECT delta, reserved_delta, reason FROM stock_ledger WHERE product_id = %s ORDER BY id", product_id
    )
    return [(row["delta"], row["reserved_delta"], row["reason"]) for row in rows]


BOOKS = """
SELECT p.id, p.storage_quantity AS available,
  (SELECT COALESCE(SUM(delta), 0) FROM stock_ledger l WHERE l.product_id = p.id) AS ledger_stock,
  (SELECT COALESCE(SUM(reserved_delta), 0) FROM stock_ledger l WHERE l.product_id = p.id) AS ledger_reserved,
  (SELECT COALESCE(SUM(quantity), 0) FROM reservation_line n JOIN reservation r ON r.id = n.reservation_id
    WHERE n.product_id = p.id AND r.state = 'held') AS held,
  (SELECT COALESCE(SUM(quantity), 0) FROM reservation_line n JOIN reservation r ON r.id = n.reservation_id
    WHERE n.product_id = p.id AND r.state = 'committed') AS sold
FROM product p WHERE p.id IN %s"""


def books(instance, products):
    """One moment of all: {product id: row}."""
    return {row["id"]: row for row in instance.rows("products", BOOKS, tuple(products))}


def wrong_books(instance, initial):
    """Products (with their initial stock) whose books do not agree; none is right."""
    return [
        row
        for product, row in books(instance, initial).items()
        if row["available"] + row["held"] + row["sold"] != initial[product]
        or row["available"] < 0
        or row["ledger_stock"] != row["available"]
        or row["ledger_reserved"] != row["held"]
    ]


def running_balances(instance, product_id):
    """The balance of each ledger row is the sum of the deltas up to it."""
    total = 0
    rows = instance.rows("products", "SELECT delta, balance FROM stock_ledger WHERE product_id = %s ORDER BY id", product_id)
    for row in rows:
        total += row["delta"]
        if row["balance"] != total:
            return False
    return True


def audit(instance, limit=500):
    """All pages: (wrong, rows)."""
    wrong, rows, after = [], [], 0
    while after is not None:
        page = done(ask(instance, "audit", {"after": after, "limit": limit}, sender="hallectl"))
        wrong += page["wrong"]
        rows += page["rows"]
        after = page["next"]
    return wrong, rows
