"""Callers who write and read carts while things break, and note all they see."""

import time
import uuid

import requests

from actors import IDLE, Actor, Team
from history import FAIL, INFO, OK, READ, Op, op_id
from stores import shown

CALL_LIMIT = 15  # seconds; above every time limit of the service
REPEATS = 200  # of an operation whose outcome is not known
UNKNOWN = (502, 504)


class Caller(Actor):
    """One operation at a time. One that was refused is not repeated, so that it can be seen
    whether it is there nevertheless; one that is unknown is repeated with its key, or left."""

    def __init__(self, client, products, seed):
        super().__init__(client, seed)
        self.products, self.ops, self.mirror_refusals, self.odd = products, [], [], []

    def act(self):
        self.ops.append(self.read() if self.random.random() < 0.25 else self.write())

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
        self.done += op.outcome == OK
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
            self.trouble.append(type(error).__name__)
            return None
        if answer.status_code >= 400:
            self.refused(answer)
        return answer

    def refused(self, answer):
        code = answer.json()["error"]["code"]
        self.trouble.append(code)
        if code == "MIRROR_UNAVAILABLE":
            self.mirror_refusals.append(answer.headers["X-Request-Id"])
        if answer.status_code >= 500:
            time.sleep(IDLE)
        if answer.status_code == 500 or answer.status_code < 400:
            self.odd.append(f"{answer.status_code}: {answer.text}")

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


class Callers(Team):
    """Several per cart: with Callers(…) as callers: break something. Each "with" starts new
    callers of the same carts, and their histories are one."""

    def __init__(self, instance, count=8, carts=4, seed=1):
        super().__init__([])
        admin = instance.admin()
        self.products = [instance.new_product(admin, storage_quantity=1000)["id"] for _ in range(4)]
        self.owners = [instance.new_user() for _ in range(carts)]
        self.count, self.seed = count, seed

    def __enter__(self):
        for i in range(self.count):
            client = self.owners[i % len(self.owners)].another()
            caller = Caller(client, self.products, self.seed * 1000 + len(self.members))
            self.members.append(caller)
            caller.start()
        self.wait_for_more(5, each=False)
        return self

    @property
    def users(self):
        return [owner.user_id for owner in self.owners]

    @property
    def ops(self):
        return self.gathered("ops")
