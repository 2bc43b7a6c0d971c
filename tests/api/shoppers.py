"""A load of cart writes whose acknowledged effects are known, and what must hold after it."""

import time

from actors import Actor, Team
from harness import eventually
from mirrors import mirror_store


class Shopper(Actor):
    """One user who adds, sets and removes, one write at a time, and remembers every answer."""

    def __init__(self, client, products, seed):
        super().__init__(client, seed)
        self.products, self.expected, self.versions = products, {}, []

    def act(self):
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
        self.write(*request)
        if kind == "remove":
            del self.expected[product]
        elif kind == "set":
            self.expected[product] = quantity
        else:
            self.expected[product] = self.expected.get(product, 0) + quantity
        if self.expected.get(product, 0) > 900:
            self.write("DELETE", path, None)
            del self.expected[product]

    def write(self, *request):
        self.versions.append(self.send(*request, 409).json()["data"]["version"])
        self.done += 1


class Crowd(Team):
    """Several shoppers at once: with Crowd(…) as crowd: break something."""

    def __init__(self, instance, users=4):
        admin = instance.admin()
        self.instance = instance
        self.products = [instance.new_product(admin, storage_quantity=1000)["id"] for _ in range(4)]
        super().__init__((Shopper(instance.new_user(), self.products, seed) for seed in range(users)), first=5)


def nothing_was_lost(crowd):
    """Every acknowledged write is there, once; versions have no gap; both stores agree."""
    for shopper in crowd.members:
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
