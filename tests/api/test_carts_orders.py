"""What orders asks of carts, and what it tells them: what was ordered leaves the cart, once."""

import json
import uuid

import pytest

import tokens
from harness import data, eventually, problem
from mirrors import mirror_store

pytestmark = pytest.mark.usefixtures("unharmed")


@pytest.fixture
def products(instance, admin):
    return [instance.new_product(admin)["id"] for _ in range(3)]


def read(instance, user_id, sender="orders"):
    return tokens.ask_internal(
        instance, "GET", f"/internal/carts/{user_id}", tokens.service(instance, "carts", sender)
    )


def ordered(instance, customer, version, items, event_id=None, order_id=5, sender="orders"):
    items = [{"product_id": product, "quantity": quantity} for product, quantity in items]
    news = {"user_id": customer.user_id, "order_id": order_id, "cart_version": version, "items": items}
    return tokens.tell(instance, sender, "carts", "order.created", news, event_id)


def lines(customer):
    return [(line["product_id"], line["quantity"]) for line in customer.cart()["items"]]


def filled(customer, products):
    for i, product in enumerate(products):
        data(customer.add(product, i + 1), 201)
    return customer.cart()["version"]


def test_orders_reads_a_cart_as_it_is(instance, customer, products):
    version = filled(customer, products)
    status, body = read(instance, customer.user_id)
    assert status == 200
    assert body["data"] == {
        "user_id": customer.user_id, "version": version,
        "items": [{"product_id": product, "quantity": i + 1} for i, product in enumerate(products)],
    }


def test_a_cart_that_is_not_there_is_not_found(instance, customer):
    assert read(instance, 2**62)[0] == 404
    data(customer.delete(f"/paniers/delete_cart/{customer.user_id}"))
    status, body = read(instance, customer.user_id)
    assert (status, body["error"]["code"]) == (404, "CART_NOT_FOUND")


def test_only_orders_reads_a_cart(instance, customer):
    assert read(instance, customer.user_id, sender="payments")[0] == 403
    problem(customer.get(f"/internal/carts/{customer.user_id}"), 404)


def test_a_cart_that_was_ordered_is_empty_in_both_stores(instance, customer, products):
    version = filled(customer, products)
    assert ordered(instance, customer, version, lines(customer)) == 204
    cart = customer.cart()
    assert cart["items"] == [] and cart["version"] == version + 1
    slots = eventually(
        lambda: (s := mirror_store(instance).slots(customer.user_id)).get("v") == str(version + 1) and s
    )
    assert slots["d"] == "[]"


def test_what_was_put_since_stays(instance, customer, products):
    a, b, c = products
    data(customer.add(a, 2), 201)
    data(customer.add(b, 3), 201)
    version, items = customer.cart()["version"], lines(customer)
    data(customer.patch(f"/cart/items/{a}", {"quantity": 5}))
    data(customer.patch(f"/cart/items/{b}", {"quantity": 1}))
    data(customer.add(c, 4), 201)
    assert ordered(instance, customer, version, items) == 204
    assert lines(customer) == [(a, 3), (c, 4)]


def test_lines_that_vanished_are_left_out(instance, customer, products):
    a, b, _ = products
    data(customer.add(a, 2), 201)
    data(customer.add(b, 3), 201)
    version, items = customer.cart()["version"], lines(customer)
    data(customer.delete(f"/cart/items/{a}"))
    assert ordered(instance, customer, version, items) == 204
    assert lines(customer) == []


def test_an_order_is_taken_off_once(instance, customer, products):
    a, event = products[0], str(uuid.uuid4())
    data(customer.add(a, 2), 201)
    version, items = customer.cart()["version"], lines(customer)
    assert ordered(instance, customer, version, items, event) == 204
    data(customer.add(a, 5), 201)
    for _ in range(2):
        assert ordered(instance, customer, version, items, event) == 204
    assert lines(customer) == [(a, 5)]


def test_an_order_makes_no_cart_that_is_gone(instance, customer, products):
    version = filled(customer, products[:1])
    data(customer.delete(f"/paniers/delete_cart/{customer.user_id}"))
    assert ordered(instance, customer, version, [(products[0], 1)]) == 204
    assert read(instance, customer.user_id)[0] == 404
    rows = instance.rows("carts", "SELECT deleted, version FROM cart WHERE user_id = %s", customer.user_id)
    assert rows == ({"deleted": 1, "version": version + 1},) or list(rows) == [{"deleted": 1, "version": version + 1}]


def test_the_history_shows_the_order(instance, customer, products):
    version = filled(customer, products[:1])
    assert ordered(instance, customer, version, lines(customer)) == 204
    newest = data(customer.get("/cart/history"))[0]
    assert newest["version"] == version + 1 and "order.created" in json.dumps(newest)


@pytest.mark.parametrize("items", [[], [(1, 0)], [(0, 1)], [(1, 1000)]])
def test_wrong_events_change_nothing(instance, customer, products, items):
    version = filled(customer, products[:1])
    status = ordered(instance, customer, version, items)
    assert status == (204 if items == [] else 400)
    assert lines(customer) == [(products[0], 1)]


def test_others_cannot_tell_of_orders(instance, customer, products):
    version = filled(customer, products[:1])
    for sender in ("auth", "users", "payments"):
        assert ordered(instance, customer, version, lines(customer), sender=sender) in (400, 403)
    assert lines(customer) == [(products[0], 1)]
    news = {"user_id": customer.user_id}
    assert tokens.tell(instance, "orders", "carts", "user.deleted", news) == 400
