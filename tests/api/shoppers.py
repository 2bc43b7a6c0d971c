"""A load of cart writes whose acknowledged effects are known, and what must hold after it."""

import random
import threading
import time
import uuid

import requests

from harness import eventually
from mirrors import mirror_store

IDLE = 0.05  # seconds after an answer that was none, so that an outage is not a busy loop


class Shopper(threading.Thread):
    """One user who adds, sets and removes, one write at a time, and remembers every answer.

    A write whose answer is lost or says that it was not made is repeated with the same
    Idempotency-Key until it is acknowledged or refused for good, as a good client does.
    """

    def __init__(self, client, products, until, seed):
        super().__init__(daemon=True)
        self.client, self.products, self.until = client, products, until
        self.random = random.Random(seed)
        self.expected = {}
        self.versions, self.trouble, self.error = [], [], None

    def run(self):
        try:
            while not self.until.is_set():
                self.write_once()
        except BaseException as error:  # shown by the test's own thread
            self.error = error

    def write_once(self):
        product = self.random.choice(self.products)
        there = product in self.expected
        kind = self.random.choice(("add", "set", "remove") if there else ("add",))
        quantity = self.random.randint(1, 3)
        path = f"/cart/items/{product}"
        request = {
            "add": ("POST", "/cart", {"product_id": product, "quantity": quantity}),
            "set": ("PATCH", path, {"quantity": quantity}),
            "remove": ("DELETE", path, None),
        }[kind]
        answer = self.send(*request)
        self.versions.append(answer.json()["data"]["version"])
        if kind == "remove":
            del self.expected[product]
        elif kind == "set":
            self.expected[product] = quantity
        else:
            self.expected[product] = self.expected.get(product, 0) + quantity
        if self.expected.get(product, 0) > 900:
            self.write_off(product, path)

    def write_off(self, product, path):
        self.versions.append(self.send("DELETE", path, None).json()["data"]["version"])
        del self.expected[product]

    def send(self, method, path, body):
        key = {"Idempotency-Key": uuid.uuid4().hex}
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                answer = self.client.request(method, path, json=body, headers=key)
            except requests.RequestException as error:
                self.trouble.append(type(error).__name__)
                time.sleep(IDLE)
                continue
            if answer.status_code < 300:
                return answer
            self.trouble.append(answer.json()["error"]["code"])
            assert answer.status_code in (409, 502, 503, 504), answer.text
            time.sleep(IDLE)
        raise AssertionError("no acknowledgement within 60 s: " + repr(self.trouble[-3:]))


class Crowd:
    """Several shoppers at once: with Crowd(…) as crowd: break something."""

    def __init__(self, instance, users=4):
        admin = instance.admin()
        self.instance = instance
        self.products = [instance.new_product(admin, storage_quantity=1000)["id"] for _ in range(4)]
        self.end = threading.Event()
        self.shoppers = [
            Shopper(instance.new_user(), self.products, self.end, seed) for seed in range(users)
        ]

    def __enter__(self):
        for shopper in self.shoppers:
            shopper.start()
        self.write_some(5)
        return self

    def __exit__(self, *_):
        self.end.set()
        for shopper in self.shoppers:
            shopper.join(90)
            assert not shopper.is_alive(), "a shopper hangs"
            if shopper.error:
                raise shopper.error

    @property
    def acknowledged(self):
        return sum(len(s.versions) for s in self.shoppers)

    def write_some(self, count):
        """Waits until every shopper had this many more writes acknowledged."""
        goals = [len(s.versions) + count for s in self.shoppers]
        eventually(
            lambda: any(s.error for s in self.shoppers)
            or all(len(s.versions) >= goal for s, goal in zip(self.shoppers, goals)),
            60,
        )

    def troubles(self):
        return sorted({t for s in self.shoppers for t in s.trouble})


def nothing_was_lost(crowd):
    """Every acknowledged write is there, once; versions have no gap; both stores agree."""
    for shopper in crowd.shoppers:
        cart = shopper.client.cart()
        lines = {line["product_id"]: line["quantity"] for line in cart["items"]}
        assert lines == shopper.expected, f"user {shopper.client.user_id}"
        assert cart["version"] == shopper.versions[-1]
        first = shopper.versions[0]
        assert shopper.versions == list(range(first, first + len(shopper.versions)))
        rows = crowd.instance.rows(
            "carts", "SELECT version FROM cart_op WHERE user_id = %s ORDER BY version", shopper.client.user_id
        )
        assert [row["version"] for row in rows] == list(range(1, cart["version"] + 1))


def disagreements(instance):
    """Users whose mirror does not hold exactly what MariaDB holds, with both sides."""
    found = {}
    mirror = mirror_store(instance)
    for row in instance.rows("carts", "SELECT user_id, version, fence, doc, deleted FROM cart"):
        slots = mirror.slots(row["user_id"])
        wanted = {"v": str(row["version"]), "f": str(row["fence"]), "d": row["doc"]}
        if {k: slots.get(k) for k in wanted} != wanted or "pv" in slots:
            found[row["user_id"]] = (wanted, slots)
    if pending := mirror.pending():
        found["pending"] = pending
    return found


def stores_agree(instance, seconds=5):
    """Within a few seconds; HANG bounds the test, the promise is 5 s."""
    began = time.monotonic()
    try:
        eventually(lambda: not disagreements(instance), 15)
    finally:
        print(f"stores agreed after {time.monotonic() - began:.2f} s (promised: {seconds} s)")
        print(f"still different: {disagreements(instance)}")
