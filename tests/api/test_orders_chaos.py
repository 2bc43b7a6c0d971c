"""Orders under load while workers and the database are killed; and an order's states, walked at random.
HALLE_LONG runs longer."""

import os
import random
import signal
import uuid

import pytest

from actors import Actor, Team
from buyers import all_agree, begin, items, key, place, tell
from harness import PATIENT, data, kill, private_instance
from test_orders_expiry import shorten

LONG = bool(os.environ.get("HALLE_LONG"))
PASSING = (409, 502, 503, 504)


@pytest.fixture(scope="module")
def instance():
    with private_instance(HALLE_LIMITS="off", **PATIENT) as made:
        yield made


@pytest.fixture(scope="module")
def admin(instance):
    return instance.admin()


# -- the states

MOVES = {
    ("pending", "cancelled"), ("pending", "paid"), ("paid", "preparing"), ("paid", "cancelled"),
    ("preparing", "shipped"), ("preparing", "cancelled"), ("shipped", "delivered"),
}


class Walk:
    """One order and what it must be: (status, whether a payment is under way)."""

    def __init__(self, instance, admin, customer, order, seed):
        self.instance, self.admin, self.customer, self.order = instance, admin, customer, order
        self.random, self.status, self.payment = random.Random(seed), "pending", None
        self.path = f"/orders/{order['id']}"

    def step(self):
        before = self.status
        getattr(self, self.random.choice(("begin", "captured", "failed", "owner_cancels", "admin_moves", "edit")))()
        assert before == self.status or (before, self.status) in MOVES
        got = data(self.customer.get(self.path))
        assert got["status"] == self.status
        assert (got["payment"]["state"] == "started") == (self.payment is not None)

    def begin(self):
        may = self.status == "pending" and self.payment is None
        status, _, payment = begin(self.instance, self.order)
        assert (status == 200) == may, status
        self.payment = payment if may else self.payment

    def captured(self):
        payment = self.payment or str(uuid.uuid4())
        total = round(data(self.customer.get(self.path))["total"] * 100)
        assert tell(self.instance, "captured", payment, self.order, amount_cents=total) == 204
        if self.payment:
            self.status, self.payment = "paid", None

    def failed(self):
        assert tell(self.instance, "failed", self.payment or str(uuid.uuid4()), self.order, reason="x") == 204
        self.payment = None

    def owner_cancels(self):
        may = self.status == "pending" and self.payment is None
        assert (self.customer.delete(self.path).status_code == 200) == may
        self.status = "cancelled" if may else self.status

    def admin_moves(self):
        to = self.random.choice(("paid", "preparing", "shipped", "delivered", "cancelled", "expired", "pending"))
        may = (self.status, to) in MOVES and to != "paid" and self.payment is None
        assert (self.admin.put(self.path, {"status": to}).status_code == 200) == may, (self.status, to)
        self.status = to if may else self.status

    def edit(self):
        may = self.status == "pending" and self.payment is None
        product = self.order["items"][0]["product_id"]
        body = items((product, self.random.randint(1, 9)))
        assert (self.customer.put(self.path, body).status_code == 200) == may


@pytest.mark.parametrize("seed", range(60 if LONG else 12))
def test_no_walk_finds_an_illegal_step(instance, admin, product, seed):
    customer = instance.new_user()
    walk = Walk(instance, admin, customer, place(customer, (product["id"], 1)), seed)
    for _ in range(25):
        walk.step()


def test_after_the_walks_stock_and_orders_agree(instance):
    all_agree(instance)


# -- kills


class Buyer(Actor):
    """Orders with keys, each repeated until it is answered for good; cancels, so that he may order again."""

    def __init__(self, client, products, seed):
        super().__init__(client, seed)
        self.products, self.made = products, []

    def act(self):
        mine, pair = key(), self.random.sample(self.products, 2)
        body = items(*[(p, self.random.randint(1, 2)) for p in pair])
        order = data(self.surely(lambda: self.client.post("/orders", body, headers=mine), passing), 201)
        self.made.append(order["id"])
        self.done += 1
        gone = self.surely(lambda: self.client.delete(f"/orders/{order['id']}"), passing)
        assert gone.status_code == 200 or gone.json()["error"]["code"] == "ORDER_NOT_PENDING", gone.text


def passing(answer):
    code = answer.json()["error"]["code"] if answer.status_code in PASSING else None
    return None if code in ("OUT_OF_STOCK", "ORDER_NOT_PENDING") else code


def test_kills_lose_no_order_and_no_stock(instance, admin):
    shorten(instance, 3)
    products = [instance.new_product(admin, storage_quantity=1000)["id"] for _ in range(4)]
    with Team(Buyer(instance.new_user(), products, seed) for seed in range(4)) as buyers:
        for turn in range(12 if LONG else 4):
            buyers.wait_for_more(8, each=False)
            if turn % 2:
                instance.stop("mariadb", signal.SIGKILL)
                instance.start_mariadb()
            else:
                for pid in instance.workers("orders"):
                    kill(pid)
    for buyer in buyers.members:
        rows = instance.rows("orders", "SELECT id FROM orders WHERE user_id = %s ORDER BY id", buyer.client.user_id)
        assert [row["id"] for row in rows] == sorted(buyer.made)
    print(f"{buyers.done} orders; {buyers.troubles()}")
    all_agree(instance, 60)
    for p in products:
        row = instance.rows("products", "SELECT storage_quantity AS q FROM product WHERE id = %s", p)[0]
        assert row["q"] == 1000
