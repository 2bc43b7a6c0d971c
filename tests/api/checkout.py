"""Buyers who order and pay, and what must hold of stock, orders and money whatever happens."""

import os
import uuid

import pymysql
import requests

import tokens
from actors import Actor
from harness import data, eventually, in_threads

LONG = bool(os.environ.get("HALLE_LONG"))
CARD = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"}


def card(number):
    return {**CARD, "number": number}


def buyers(instance, count):
    """Customers with tokens of their own; orders and carts need nothing else of them."""
    admin = instance.admin()
    first = uuid.uuid4().int % 10**12 + 10**9
    found = []
    for user_id in range(first, first + count):
        client = instance.client(tokens.access(
            instance, admin, user_id=user_id, sub=f"buyer{user_id}", role="customer", sid=str(uuid.uuid4()),
            jti=str(uuid.uuid4())))
        client.user_id = user_id
        found.append(client)
    return found


def items(*lines):
    return {"items": [{"product_id": product, "quantity": quantity} for product, quantity in lines]}


def order(client, body, key=None):
    return client.post("/orders", body, headers={"Idempotency-Key": key} if key else {})


def pay(client, order_id, number=CARD["number"], key=None):
    return client.post("/payments", {"order_id": order_id, "card": card(number)},
                       headers={"Idempotency-Key": key} if key else {})


def persist(send, end=60):
    """Asks again, with the same key, as long as the answer is none or says that it is not known
    or not now; as a good client does."""
    def done():
        try:
            answer = send()
        except requests.RequestException:
            return None
        busy = answer.status_code in (502, 503, 504) or (
            answer.status_code == 409 and answer.json()["error"]["code"] == "IDEMPOTENCY_KEY_BUSY")
        return None if busy else [answer]

    return eventually(done, end)[0]


STOCK = """
    SELECT p.storage_quantity AS available,
        CAST(COALESCE(SUM(IF(r.state = 'held', l.quantity, 0)), 0) AS SIGNED) AS held,
        CAST(COALESCE(SUM(IF(r.state = 'committed', l.quantity, 0)), 0) AS SIGNED) AS sold,
        CAST((SELECT COALESCE(SUM(delta), 0) FROM stock_ledger WHERE product_id = p.id) AS SIGNED) AS ledger,
        CAST((SELECT COALESCE(SUM(reserved_delta), 0) FROM stock_ledger WHERE product_id = p.id) AS SIGNED) AS reserved
    FROM product p
    LEFT JOIN reservation_line l ON l.product_id = p.id
    LEFT JOIN reservation r ON r.id = l.reservation_id
    WHERE p.id = %s GROUP BY p.id"""


def stock(instance, product_id):
    """One statement, so one snapshot."""
    return instance.rows("products", STOCK, product_id)[0]


class StockWatch(Actor):
    """with StockWatch(…): the equation of these products' stock holds in every sample taken meanwhile."""

    def __init__(self, instance, initial):
        super().__init__()
        self.instance, self.initial = instance, initial  # {product id: stock at the beginning}
        self.samples, self.wrong = 0, []

    def look(self):
        for product, initial in self.initial.items():
            now = stock(self.instance, product)
            self.samples += 1
            if (now["available"] + now["held"] + now["sold"] != initial or now["ledger"] != now["available"]
                    or now["reserved"] != now["held"] or min(now.values()) < 0):
                self.wrong.append((product, now))

    def act(self):
        try:
            self.look()
        except (pymysql.Error, OSError):
            pass  # the database is away: no sample
        self.ended.wait(0.02)

    def __exit__(self, *_):
        super().__exit__()
        self.look()
        assert self.wrong == [], self.wrong[:3]
        assert self.samples > len(self.initial), "no sample was taken"


def at_once(clients, fn):
    return in_threads(len(clients), lambda i: fn(clients[i], i))


def settled(instance):
    """Nothing is under way any more between the services."""
    def quiet():
        return not (
            any(instance.rows(s, "SELECT 1 FROM outbox LIMIT 1") for s in ("products", "orders", "payments", "bank"))
            or instance.rows("payments", "SELECT 1 FROM payment WHERE state IN ('initiated', 'unknown') LIMIT 1")
            or instance.rows("payments", "SELECT 1 FROM refund WHERE state IN ('initiated', 'unknown') LIMIT 1"))

    eventually(quiet, 60)


def audit_is_clean(instance):
    """hallectl audit finds nothing."""
    settled(instance)
    done = instance.dev("ctl", "audit", check=False)
    assert done.returncode == 0, done.stdout


def shown(client, order_id):
    return data(client.get(f"/orders/{order_id}"))
