"""A worker of orders dies, waits or fails at every step; after retries stock, reservation and order agree.
Only in builds with crash points."""

import pathlib
import uuid

import pytest
import requests

from buyers import all_agree, begin, items, key, place, stock, tell
from crashes import WORDS, Crashes, compiled
from harness import data, eventually, private_instance

pytestmark = pytest.mark.skipif(not compiled(), reason="this build has no crash points")
GOOD = (200, 201, 204)


@pytest.fixture(scope="module")
def crashes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("crashes")
    folder.chmod(0o777)
    return Crashes(pathlib.Path(folder))


@pytest.fixture(scope="module")
def instance(crashes):
    with private_instance(HALLE_LIMITS="off", HALLE_CRASH_DIR=str(crashes.folder)) as made:
        yield made


@pytest.fixture(scope="module")
def admin(instance):
    return instance.admin()


def surely(call):
    """Repeated until it is answered for good, as a good client does."""
    last = []

    def once():
        last[:] = [call()]
        return status_of(last[0]) in GOOD

    eventually(once, 30)
    return last[0]


def status_of(answer):
    if isinstance(answer, requests.Response):
        return answer.status_code
    return answer[0] if isinstance(answer, tuple) else answer


def passages(*points):
    return pytest.mark.parametrize("point, word", [(p, w) for p in points for w in WORDS])


@passages("order_begun", "order_reserved", "order_inserted", "order_committed")
def test_placing(instance, customer, product, crashes, point, word):
    name = key()
    crashes.arm(point, word)
    got = data(surely(lambda: customer.post("/orders", items((product["id"], 2)), headers=name)), 201)
    assert crashes.fired(point)
    assert [o["id"] for o in data(customer.get("/orders"))] == [got["id"]]
    assert stock(instance, product["id"]) == 498
    all_agree(instance)


@passages("order_begun", "order_reserved", "order_inserted", "order_committed")
def test_placing_a_cart(instance, customer, product, crashes, point, word):
    data(customer.add(product["id"], 2), 201)
    name = key()
    crashes.arm(point, word)
    surely(lambda: customer.post("/orders", {"from_cart": True}, headers=name))
    assert len(data(customer.get("/orders"))) == 1
    eventually(lambda: customer.cart()["items"] == [])
    all_agree(instance)


@passages("edit_reserved", "order_replaced")
def test_editing(instance, customer, product, crashes, point, word):
    order = place(customer, (product["id"], 2))
    crashes.arm(point, word)
    surely(lambda: customer.put(f"/orders/{order['id']}", items((product["id"], 5))))
    assert crashes.fired(point) and stock(instance, product["id"]) == 495
    all_agree(instance)


@passages("begin_reserved", "begin_written", "order_committed")
def test_a_payment_begins(instance, customer, product, crashes, point, word):
    order, payment = place(customer, (product["id"], 2)), str(uuid.uuid4())
    crashes.arm(point, word)
    surely(lambda: begin(instance, order, payment))
    assert crashes.fired(point)
    assert data(customer.get(f"/orders/{order['id']}"))["payment"] == {"state": "started", "id": payment}
    all_agree(instance)


@passages("captured_paid", "event_settled", "route_committed")
def test_a_payment_is_captured(instance, customer, product, crashes, point, word):
    order = place(customer, (product["id"], 2))
    payment, event = begin(instance, order)[2], str(uuid.uuid4())
    crashes.arm(point, word)
    surely(lambda: tell(instance, "captured", payment, order, event, amount_cents=2500))
    assert crashes.fired(point)
    got = data(customer.get(f"/orders/{order['id']}"))
    assert got["status"] == "paid" and [e["type"] for e in got["events"]].count("payment.captured") == 1
    all_agree(instance)


@passages("order_ended", "route_committed")
def test_cancelling(instance, customer, product, crashes, point, word):
    order, name = place(customer, (product["id"], 2)), key()
    crashes.arm(point, word)
    surely(lambda: customer.delete(f"/orders/{order['id']}", headers=name))
    assert crashes.fired(point)
    eventually(lambda: stock(instance, product["id"]) == 500)
    all_agree(instance)
