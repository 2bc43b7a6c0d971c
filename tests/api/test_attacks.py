"""The three classes of attacks on shops that are published (Warszawski and Bailis, SIGMOD 2017):
stock below zero, paying less by changing the cart during the checkout, spending twice. Each with
the worker held at the worst moment, in builds with crash points, and without."""

import threading
import time

import pytest

from checkout import StockWatch, at_once, audit_is_clean, buyers, items, order, pay, persist, settled, shown, stock
from crashes import Crashes, compiled, points
from harness import PATIENT, data, eventually, private_instance, problem

HELD = ("reserve_moved", "order_reserved", "order_inserted", "begin_reserved", "begin_written", "payment_begun",
        "payment_charged", "captured_paid", "settle_moved")
assert set(HELD) <= set(points())


@pytest.fixture(scope="module")
def crashes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("crashes")
    folder.chmod(0o777)
    return Crashes(folder)


@pytest.fixture(scope="module")
def instance(crashes):
    with private_instance(HALLE_LIMITS="off", HALLE_CRASH_DIR=str(crashes.folder), **PATIENT) as made:
        yield made


@pytest.fixture(params=(None, *HELD) if compiled() else (None,), ids=str)
def held(request, crashes):
    """One request is held for a second where it hurts most."""
    if request.param:
        crashes.arm(request.param, "delay")
    yield
    if request.param:
        crashes.disarm(request.param)


def test_stock_goes_below_zero(instance, held):
    product = instance.new_product(instance.admin(), storage_quantity=1)["id"]
    with StockWatch(instance, {product: 1}):
        answers = at_once(buyers(instance, 12), lambda c, _: persist(lambda: order(c, items((product, 1)), "k")))
    assert sorted(a.status_code for a in answers) == [201] + [409] * 11


def test_the_cart_grows_while_it_is_paid(instance, held):
    """The cheap product is ordered, the dear one put into the cart meanwhile, again and again."""
    admin = instance.admin()
    cheap = instance.new_product(admin, price=1, storage_quantity=50)["id"]
    dear = instance.new_product(admin, price=900, storage_quantity=50)["id"]
    buyer, = buyers(instance, 1)
    data(buyer.add(cheap), 201)
    end = threading.Event()

    def slip_in():
        client = buyer.another()
        while not end.is_set():
            client.add(dear)
            time.sleep(0.01)

    thread = threading.Thread(target=slip_in, daemon=True)
    thread.start()
    try:
        placed = persist(lambda: order(buyer, {"from_cart": True}, "cart")).json()["data"]
        paid = persist(lambda: pay(buyer, placed["id"], key="pay"))
    finally:
        end.set()
        thread.join()
    eventually(lambda: shown(buyer, placed["id"])["status"] == "paid")
    got = shown(buyer, placed["id"])
    assert paid.json()["data"]["amount"] == got["total"]
    assert got["total"] == sum(line["quantity"] * (1 if line["product_id"] == cheap else 900) for line in got["items"])
    there = {line["product_id"] for line in buyer.cart()["items"]}
    eventually(lambda: cheap not in {line["product_id"] for line in buyer.cart()["items"]})
    assert dear in there, "what came after the order was taken stays in the cart, unpaid and unsold"
    settled(instance)
    assert stock(instance, dear)["sold"] == sum(i["quantity"] for i in got["items"] if i["product_id"] == dear)


def test_the_price_rises_while_it_is_paid(instance, held):
    admin = instance.admin()
    product = instance.new_product(admin, price=10, storage_quantity=9)["id"]
    buyer, = buyers(instance, 1)
    data(buyer.add(product, 2), 201)
    data(admin.patch(f"/products/{product}", {"price": 12}))
    got = problem(order(buyer, {"from_cart": True, "expected_total": 20}), 409, "PRICE_CHANGED")
    assert got["expected_total"] == 20 and got["current_total"] == 24
    assert stock(instance, product)["available"] == 9
    placed = data(persist(lambda: order(buyer, {"from_cart": True, "expected_total": 24}, "k2")), 201)
    data(admin.patch(f"/products/{product}", {"price": 99}))
    assert data(persist(lambda: pay(buyer, placed["id"], key="p")), 201)["amount"] == 24


def test_one_order_is_paid_twice_at_once(instance, held):
    """Ten payments with keys of their own: one takes money."""
    product = instance.new_product(instance.admin(), price=5, storage_quantity=9)["id"]
    buyer, = buyers(instance, 1)
    placed = data(persist(lambda: order(buyer, items((product, 1)), "k")), 201)
    answers = at_once([buyer.another() for _ in range(10)],
                      lambda c, i: persist(lambda: pay(c, placed["id"], key=f"double-{i}")))
    assert [a.status_code for a in answers].count(201) == 1
    assert {a.status_code for a in answers} <= {201, 409}
    charged = instance.rows("payments", "SELECT state FROM payment WHERE order_id = %s AND state = 'captured'", placed["id"])
    assert len(charged) == 1
    audit_is_clean(instance)


def test_the_refund_is_taken_twice(instance, held):
    """Cancelled by ten admins at once: the money comes back once, the stock too."""
    admin = instance.admin()
    product = instance.new_product(admin, price=5, storage_quantity=3)["id"]
    buyer, = buyers(instance, 1)
    placed = data(persist(lambda: order(buyer, items((product, 2)), "k")), 201)
    data(persist(lambda: pay(buyer, placed["id"], key="p")), 201)
    at_once([admin.another() for _ in range(10)], lambda c, i: persist(lambda: c.delete(f"/orders/{placed['id']}")))
    eventually(lambda: shown(buyer, placed["id"])["payment"]["state"] == "refunded")
    assert shown(buyer, placed["id"])["status"] == "cancelled"
    eventually(lambda: stock(instance, product)["available"] == 3)
    back = instance.rows("payments", "SELECT refunded_cents FROM payment WHERE order_id = %s AND state = 'captured'", placed["id"])
    assert [row["refunded_cents"] for row in back] == [1000]
    audit_is_clean(instance)


def test_paying_and_cancelling_at_once(instance, held):
    """Either paid and sold, or cancelled with nothing kept; never half."""
    product = instance.new_product(instance.admin(), price=5, storage_quantity=60)["id"]
    crowd = buyers(instance, 12)
    placed = [data(persist(lambda c=c: order(c, items((product, 1)), "k")), 201)["id"] for c in crowd]

    def race(client, i):
        other = client.another()
        thread = threading.Thread(target=lambda: persist(lambda: other.delete(f"/orders/{placed[i]}")), daemon=True)
        thread.start()
        answer = persist(lambda: pay(client, placed[i], key="p"))
        thread.join(60)
        return answer.status_code

    with StockWatch(instance, {product: 60}):
        statuses = at_once(crowd, race)
    audit_is_clean(instance)
    for client, number, status in zip(crowd, placed, statuses):
        got = shown(client, number)
        assert (got["status"], status) in (("paid", 201), ("cancelled", 409), ("cancelled", 404)), (got, status)
