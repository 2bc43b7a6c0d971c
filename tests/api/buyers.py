"""Orders as tests see them: placed, paid by a simulated payments service, and compared with the stock."""

import uuid

import tokens
from harness import data, eventually


def items(*pairs):
    return {"items": [{"product_id": p, "quantity": q} for p, q in pairs]}


def place(client, *pairs, status=201, **kw):
    return data(client.post("/orders", items(*pairs), **kw), status)


def key(text=None):
    return {"Idempotency-Key": text or uuid.uuid4().hex}


def stock(instance, product_id):
    return data(instance.watcher.get(f"/products/{product_id}"))["storage_quantity"]


def begin(instance, order, payment=None, user_id=None):
    """Status, JSON and the payment's id."""
    payment = payment or str(uuid.uuid4())
    body = {"payment_id": payment, "user_id": user_id or order["user_id"]}
    status, answer = tokens.call(instance, "payments", "orders", f"/internal/orders/{order['id']}/payment", body)
    return status, answer, payment


def tell(instance, kind, payment, order, event_id=None, **more):
    return tokens.tell(
        instance, "payments", "orders", f"payment.{kind}", {"payment_id": payment, "order_id": order["id"], **more}, event_id
    )


def capture(instance, order, payment, cents=None):
    amount = round(order["total"] * 100) if cents is None else cents
    assert tell(instance, "captured", payment, order, amount_cents=amount) == 204


def pay(instance, order):
    status, answer, payment = begin(instance, order)
    assert status == 200, answer
    capture(instance, order, payment)
    return payment


def sent(instance, kind, order_id):
    """Events to payments are still in the outbox when no payments service takes them."""
    rows = instance.rows(
        "orders", "SELECT data FROM outbox WHERE type = %s AND JSON_VALUE(data, '$.order_id') = %s", kind, order_id
    )
    return len(rows)


def reservations(instance):
    """{reservation id (hex): (state, {product: quantity})}."""
    found = {}
    for row in instance.rows(
        "products",
        "SELECT HEX(r.id) AS id, r.state, l.product_id, l.quantity FROM reservation r"
        " JOIN reservation_line l ON l.reservation_id = r.id",
    ):
        found.setdefault(row["id"], (row["state"], {}))[1][row["product_id"]] = row["quantity"]
    return found


STOCK_OF = {
    "pending": ("held",), "paid": ("committed",), "preparing": ("committed",), "shipped": ("committed",),
    "delivered": ("committed",), "cancelled": ("released", "expired"), "expired": ("released", "expired"),
}


def disagreements(instance):
    """Orders whose reservation is not in the state, or not of the lines, that the order is of; holds of no
    order; products whose ledger does not add up."""
    held, wrong = reservations(instance), []
    for o in instance.rows("orders", "SELECT id, status, HEX(reservation_id) AS r FROM orders"):
        lines = instance.rows("orders", "SELECT product_id, quantity FROM order_line WHERE order_id = %s", o["id"])
        state, of = held.pop(o["r"], ("none", {}))
        if state not in STOCK_OF[o["status"]] or of != {l["product_id"]: l["quantity"] for l in lines}:
            wrong.append((o, state, of))
    wrong += [(r, v) for r, v in held.items() if v[0] in ("held", "committed")]
    wrong += instance.rows(
        "products",
        "SELECT p.id FROM product p JOIN stock_ledger s ON s.product_id = p.id GROUP BY p.id, p.storage_quantity"
        " HAVING SUM(s.delta) <> p.storage_quantity AND COUNT(*) > 0",
    )
    status, answer = tokens.call(instance, "hallectl", "orders", "/internal/orders/audit", {"limit": 500})
    assert status == 200, answer
    return wrong + answer["data"]["wrong"]


def all_agree(instance, seconds=30):
    try:
        eventually(lambda: not disagreements(instance), seconds)
    finally:
        print(disagreements(instance))
