"""Callers who write and read carts while things break, and note all they see."""

import random
import threading
import time
import uuid

import requests

from harness import eventually
from history import FAIL, INFO, OK, READ, Op, op_id
from shoppers import IDLE
from stores import shown

CALL_LIMIT = 15  # seconds; above every time limit of the service
REPEATS = 200  # of an operation whose outcome is not known
UNKNOWN = (502, 504)


class Caller(threading.Thread):
    """One operation at a time. One that was refused is not repeated, so that it can be seen
    whether it is there nevertheless; one that is unknown is repeated with its key, or left."""

    def __init__(self, client, products, until, seed):
        super().__init__(daemon=True)
        self.client, self.products, self.until = client, products, until
        self.random = random.Random(seed)
        self.ops, self.mirror_refusals, self.odd, self.trouble = [], [], [], {}
        self.acknowledged, self.error = 0, None

    def run(self):
        try:
            while not self.until.is_set():
                self.ops.append(self.read() if self.random.random() < 0.25 else self.write())
        except BaseException as error:  # shown by the test's own thread
            self.error = error

    def read(self):
        op = Op(user=self.client.user_id, kind=READ, begun=time.monotonic())
        self.note(op, self.call("GET", "/cart", None, None))
        return op

    def write(self):
        product, quantity = self.random.choice(self.products), self.random.randint(1, 3)
        kind = self.random.choices(("add", "set", "remove", "empty"), (10, 5, 3, 1))[0]
        path = f"/cart/items/{product}"
        request = {
            "add": ("POST", "/cart", {"product_id": product, "quantity": quantity}),
            "set": ("PATCH", path, {"quantity": quantity}),
            "remove": ("DELETE", path, None),
            "empty": ("DELETE", "/cart", None),
        }[kind]
        key = uuid.uuid4().hex
        op = Op(user=self.client.user_id, kind=kind, product=product, quantity=quantity,
                op_id=op_id(self.client.user_id, key), begun=time.monotonic())
        self.note(op, self.call(*request, key))
        if op.outcome == INFO and self.random.random() < 0.7:
            self.learn(op, request, key)
        self.acknowledged += op.outcome == OK
        return op

    def learn(self, op, request, key):
        """Repeats until it is acknowledged. A refusal says nothing of the first one."""
        for _ in range(REPEATS):
            answer = self.call(*request, key)
            if answer is not None and answer.status_code < 300:
                self.note(op, answer)
                return
            if answer is not None and 400 <= answer.status_code < 500:
                return
            time.sleep(IDLE)

    def call(self, method, path, body, key):
        """The answer; None when there was none."""
        headers = {"Idempotency-Key": key} if key else None
        try:
            answer = self.client.request(method, path, json=body, headers=headers, timeout=CALL_LIMIT)
        except requests.RequestException as error:
            self.count(type(error).__name__)
            return None
        if answer.status_code >= 400:
            self.refused(answer)
        return answer

    def refused(self, answer):
        code = answer.json()["error"]["code"]
        self.count(code)
        if code == "MIRROR_UNAVAILABLE":
            self.mirror_refusals.append(answer.headers["X-Request-Id"])
        if answer.status_code >= 500:
            time.sleep(IDLE)
        if answer.status_code == 500 or answer.status_code < 400:
            self.odd.append(f"{answer.status_code}: {answer.text}")

    def count(self, what):
        self.trouble[what] = self.trouble.get(what, 0) + 1

    def note(self, op, answer):
        op.ended = time.monotonic()
        if answer is None or answer.status_code in UNKNOWN:
            return
        if answer.status_code < 300:
            cart = answer.json()["data"]
            op.outcome, op.version, op.content = OK, cart["version"], shown(cart)
            assert answer.headers["ETag"].strip('"') == str(op.version)
        else:
            op.outcome = FAIL


class Callers:
    """Several per cart: with Callers(…) as callers: break something. Each "with" starts new
    callers of the same carts, and their histories are one."""

    def __init__(self, instance, count=8, carts=4, seed=1):
        admin = instance.admin()
        self.products = [instance.new_product(admin, storage_quantity=1000)["id"] for _ in range(4)]
        self.owners = [instance.new_user() for _ in range(carts)]
        self.end = threading.Event()
        self.count, self.seed, self.all = count, seed, []

    def __enter__(self):
        self.end.clear()
        for i in range(self.count):
            client = self.owners[i % len(self.owners)].another()
            caller = Caller(client, self.products, self.end, self.seed * 1000 + len(self.all))
            self.all.append(caller)
            caller.start()
        self.write_some(5)
        return self

    def __exit__(self, *_):
        self.end.set()
        for caller in self.all:
            caller.join(90)
            assert not caller.is_alive(), "a caller hangs"
            if caller.error:
                raise caller.error

    @property
    def users(self):
        return [owner.user_id for owner in self.owners]

    @property
    def acknowledged(self):
        return sum(caller.acknowledged for caller in self.all)

    @property
    def ops(self):
        return [op for caller in self.all for op in caller.ops]

    def gathered(self, name):
        return [item for caller in self.all for item in getattr(caller, name)]

    def troubles(self):
        total = {}
        for caller in self.all:
            for what, count in caller.trouble.items():
                total[what] = total.get(what, 0) + count
        return total

    def write_some(self, count):
        """Waits until this many more writes were acknowledged."""
        goal = self.acknowledged + count
        eventually(lambda: self.acknowledged >= goal or any(c.error for c in self.all), 60)
