"""One order per key and one charge per payment, however often and however badly they are sent."""

import random
import socket
import ssl
import threading
import json

import pytest

from checkout import CARD, LONG, StockWatch, at_once, audit_is_clean, buyers, items, order, persist, settled, stock
from harness import HANG, PATIENT, data, in_threads, private_instance, problem

KEYS = 2000 if LONG else 60
SENDS = 5  # of each key; most answers are not waited for


@pytest.fixture(scope="module")
def instance():
    with private_instance(HALLE_LIMITS="off", **PATIENT) as made:
        yield made


class Rude:
    """Sends requests and leaves, before the request is whole, after it, or in the midst of the answer."""

    def __init__(self, instance, seed):
        self.instance, self.random = instance, random.Random(seed)
        self.context = ssl.create_default_context(cafile=str(instance.certificate))

    def post(self, client, path, body, key):
        text = json.dumps(body).encode()
        head = (f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {client.token}\r\n"
                f"Content-Type: application/json\r\nIdempotency-Key: {key}\r\nContent-Length: {len(text)}\r\n\r\n").encode()
        whole = head + text
        with socket.create_connection(("127.0.0.1", self.instance.https_port), timeout=HANG) as plain:
            with self.context.wrap_socket(plain, server_hostname="localhost") as sock:
                if self.random.random() < 0.1:
                    sock.sendall(whole[:self.random.randrange(len(whole))])
                    return
                sock.sendall(whole)
                if self.random.random() < 0.5:
                    sock.recv(self.random.randint(1, 200))


def test_orders_equal_keys_when_answers_are_dropped(instance):
    """10,000 sends with HALLE_LONG."""
    product = instance.new_product(instance.admin(), storage_quantity=100 * KEYS)["id"]
    crowd = buyers(instance, KEYS)

    def shop(worker):
        rude = Rude(instance, worker)
        for client in crowd[worker::8]:
            for _ in range(SENDS - 1):
                rude.post(client, "/orders", items((product, 2)), "the-key")
            data(persist(lambda c=client: order(c, items((product, 2)), "the-key")), 201)

    with StockWatch(instance, {product: 100 * KEYS}):
        in_threads(8, shop)
    rows = instance.rows("orders", "SELECT o.user_id, COUNT(*) AS n FROM orders o JOIN order_line l ON l.order_id = o.id"
                         " WHERE l.product_id = %s GROUP BY o.user_id", product)
    assert len(rows) == KEYS and {row["n"] for row in rows} == {1}
    assert stock(instance, product)["held"] == 2 * KEYS


def test_one_charge_per_key_when_answers_are_dropped(instance):
    count = KEYS // 4
    product = instance.new_product(instance.admin(), price=3, storage_quantity=KEYS)["id"]
    crowd = buyers(instance, count)
    placed = [data(order(c, items((product, 1))), 201)["id"] for c in crowd]

    def pay_rudely(worker):
        rude = Rude(instance, worker)
        for i in range(worker, count, 4):
            body = {"order_id": placed[i], "card": CARD}
            for _ in range(SENDS - 1):
                rude.post(crowd[i], "/payments", body, "pay")
            data(persist(lambda i=i: crowd[i].post("/payments", body, headers={"Idempotency-Key": "pay"})), 201)

    in_threads(4, pay_rudely)
    settled(instance)
    marks = ",".join(["%s"] * count)
    paid = instance.rows("payments", f"SELECT order_id FROM payment WHERE state = 'captured' AND order_id IN ({marks})", *placed)
    assert sorted(row["order_id"] for row in paid) == sorted(placed)
    audit_is_clean(instance)


def test_sixty_four_posts_of_one_key_at_once(instance):
    product = instance.new_product(instance.admin(), storage_quantity=64)["id"]
    buyer, = buyers(instance, 1)
    gate = threading.Barrier(64)

    def send(client, _):
        gate.wait(HANG)
        return persist(lambda: order(client, items((product, 1)), "one"))

    answers = at_once([buyer.another() for _ in range(64)], send)
    assert {a.status_code for a in answers} == {201}
    assert len({a.json()["data"]["id"] for a in answers}) == 1
    assert stock(instance, product)["held"] == 1


def test_two_tabs_order_one_cart(instance):
    """Also the last piece of it: the second tab is not told that the first one's is out of stock.
    One that comes when the cart is emptied already finds nothing in it."""
    product = instance.new_product(instance.admin(), storage_quantity=1)["id"]
    for _ in range(5):
        buyer, = buyers(instance, 1)
        data(buyer.add(product), 201)
        answers = at_once([buyer.another() for _ in range(2)],
                          lambda c, i: persist(lambda: order(c, {"from_cart": True}, f"tab{i}")))
        made = [a for a in answers if a.status_code in (200, 201)]
        for answer in answers:
            assert answer in made or problem(answer, 400, "MISSING_ITEMS")
        number, = {a.json()["data"]["id"] for a in made}
        data(buyer.delete(f"/orders/{number}"))


def test_the_answer_to_an_order_is_what_is_read_then(instance):
    """It is written from memory, not read back."""
    product = instance.new_product(instance.admin(), name="Bölle \"groß\" 日本", price=3.5)["id"]
    buyer, = buyers(instance, 1)
    data(buyer.add(product, 2), 201)
    for body in (items((product, 3)), {"from_cart": True}):
        answer = order(buyer, body)
        read = buyer.get(answer.headers["Location"])
        assert data(answer, 201) == data(read) and answer.headers["ETag"] == read.headers["ETag"]
