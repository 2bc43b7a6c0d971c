"""Orders whose time is up, with a hold of two seconds."""

import pytest

from buyers import all_agree, begin, capture, items, place, stock
from harness import data, eventually, private_instance, problem


@pytest.fixture(scope="module")
def instance():
    with private_instance(HALLE_LIMITS="off") as made:
        shorten(made)
        yield made


@pytest.fixture(scope="module")
def admin(instance):
    return instance.admin()


def shorten(instance, seconds=4):
    conf = instance.var / "etc/halle.conf"
    conf.write_text(conf.read_text() + f"\norder_hold_s = {seconds}\n")
    instance.restart_workers()


def test_an_unpaid_order_expires_and_gives_its_stock_back(instance, customer, product):
    order = place(customer, (product["id"], 5))
    path = f"/orders/{order['id']}"
    assert stock(instance, product["id"]) == 495
    eventually(lambda: data(customer.get(path))["status"] == "expired")
    eventually(lambda: stock(instance, product["id"]) == 500)
    got = data(customer.get(path))
    assert got["expires_at"] is None and got["events"][-1]["status"] == "expired" and got["events"][-1]["actor"] is None
    problem(customer.put(path, items((product["id"], 1))), 409, "ORDER_NOT_PENDING")
    assert begin(instance, order)[1]["error"]["code"] == "ORDER_NOT_PENDING"
    all_agree(instance)


def test_an_order_being_paid_does_not_expire(instance, customer, other, product):
    order, mark = place(customer, (product["id"], 5)), place(other, (product["id"], 1))
    payment = begin(instance, order)[2]
    eventually(lambda: data(other.get(f"/orders/{mark['id']}"))["status"] == "expired")
    later = place(other, (product["id"], 1))
    eventually(lambda: data(other.get(f"/orders/{later['id']}"))["status"] == "expired")
    assert data(customer.get(f"/orders/{order['id']}"))["status"] == "pending"
    capture(instance, order, payment)
    assert data(customer.get(f"/orders/{order['id']}"))["status"] == "paid"
    eventually(lambda: stock(instance, product["id"]) == 495)
    all_agree(instance)
