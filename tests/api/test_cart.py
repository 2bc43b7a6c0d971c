"""The caller's own cart."""

import time

import pytest

from harness import FACTS, data, eventually, in_threads, problem


def lines(cart):
    return {line["product_id"]: line["quantity"] for line in cart["items"]}


def test_adding_answers_201_with_the_cart(customer, product):
    cart = data(customer.add(product["id"], 2), 201)
    assert cart["items"] == [
        {
            "product_id": product["id"],
            "name": product["name"],
            "quantity": 2,
            "unit_price": 12.5,
            "line_total": 25,
            "available": True,
            "image": None,
        }
    ]
    assert cart["total"] == 25 and cart["currency"] == "EUR" and cart["warnings"] == []
    assert customer.cart() == cart


def test_adding_again_adds_to_the_quantity_that_is_there(customer, product):
    customer.add(product["id"], 2)
    assert lines(data(customer.add(product["id"], 3), 201)) == {product["id"]: 5}


def test_the_member_may_be_called_id_product(customer, product):
    answer = customer.post("/cart", {"id_product": product["id"], "quantity": 1})
    assert lines(data(answer, 201)) == {product["id"]: 1}


def test_totals_are_exact(customer, admin, instance):
    for price, quantity in ((0.1, 3), (69.69, 7), (19.99, 100)):
        made = instance.new_product(admin, price=price)
        customer.add(made["id"], quantity)
    cart = customer.cart()
    assert [line["line_total"] for line in cart["items"]] == [0.3, 487.83, 1999]
    assert cart["total"] == 2487.13


def test_setting_removing_and_emptying(customer, admin, instance):
    first, second, third = (instance.new_product(admin)["id"] for _ in range(3))
    for product_id in (first, second, third):
        customer.add(product_id, 2)
    cart = data(customer.patch(f"/cart/items/{first}", {"quantity": 7}))
    assert lines(cart) == {first: 7, second: 2, third: 2}
    assert lines(data(customer.patch(f"/cart/items/{second}", {"quantity": 0}))) == {first: 7, third: 2}
    assert lines(data(customer.delete(f"/cart/items/{first}"))) == {third: 2}
    assert data(customer.delete("/cart"))["items"] == []
    assert customer.cart()["items"] == []


def test_every_write_counts_the_version_up_by_one(customer, product):
    start = customer.cart()["version"]
    customer.add(product["id"])
    customer.patch(f"/cart/items/{product['id']}", {"quantity": 4})
    customer.delete(f"/cart/items/{product['id']}")
    assert customer.cart()["version"] == start + 3


def test_what_is_not_there_cannot_be_removed(customer, product):
    path = f"/cart/items/{product['id']}"
    problem(customer.delete(path), 404, "CART_ITEM_NOT_FOUND")
    problem(customer.patch(path, {"quantity": 1}), 404, "CART_ITEM_NOT_FOUND")
    assert customer.cart()["items"] == []


def test_an_unknown_product_cannot_be_added(customer):
    problem(customer.add(9007199254740993), 400, "PRODUCT_NOT_FOUND")


def test_no_more_than_the_stock_can_be_added_in_one_go_or_in_many(customer, admin, instance):
    made = instance.new_product(admin, storage_quantity=5)["id"]
    problem(customer.add(made, 6), 400, "OUT_OF_STOCK")
    data(customer.add(made, 4), 201)
    problem(customer.add(made, 2), 400, "OUT_OF_STOCK")
    problem(customer.patch(f"/cart/items/{made}", {"quantity": 6}), 400, "OUT_OF_STOCK")
    assert lines(customer.cart()) == {made: 4}


def test_a_refused_write_leaves_the_version_alone(customer, product):
    before = customer.cart()["version"]
    problem(customer.add(product["id"], 999), 400, "OUT_OF_STOCK")
    problem(customer.add(9007199254740993), 400)
    assert customer.cart()["version"] == before


def test_a_deleted_product_becomes_a_line_that_is_not_available(customer, admin, instance):
    made = instance.new_product(admin)
    customer.add(made["id"], 2)
    admin.delete(f"/products/{made['id']}")
    eventually(lambda: customer.cart()["items"][0]["available"] is False)
    line = customer.cart()["items"][0]
    assert line["product_id"] == made["id"] and line["quantity"] == 2


@pytest.mark.parametrize("quantity", [0, -1, 1000, 1.5, "2", None, True, 10**18])
def test_a_quantity_is_an_integer_from_1_to_999(customer, product, quantity):
    problem(customer.add(product["id"], quantity), 400, "VALIDATION_FAILED")
    assert customer.cart()["items"] == []


@pytest.mark.parametrize(
    "body",
    [{}, {"quantity": 1}, {"product_id": 1}, {"product_id": 0, "quantity": 1},
     {"product_id": -1, "quantity": 1}, {"product_id": 2**63, "quantity": 1},
     {"product_id": "1", "quantity": 1}, {"product_id": 1, "id_product": 1, "quantity": 1},
     {"product_id": 1, "quantity": 1, "price": 0}],
)
def test_a_body_must_be_as_documented(customer, body):
    problem(customer.post("/cart", body), 400, "VALIDATION_FAILED")


def test_a_cart_holds_a_hundred_lines_and_no_more(customer, admin, instance):
    def make(i):
        return [instance.new_product(admin.another())["id"] for _ in range(26)]

    made = sum(in_threads(4, make), [])
    for product_id in made[:100]:
        data(customer.add(product_id), 201)
    problem(customer.add(made[100]), 409, "CART_FULL")
    data(customer.add(made[0]), 201)
    assert len(customer.cart()["items"]) == 100


def test_everybody_has_a_cart_of_his_own(customer, other, product):
    customer.add(product["id"])
    assert other.cart()["items"] == []


def test_an_admin_has_a_cart_too(admin, product):
    data(admin.add(product["id"]), 201)
    assert lines(data(admin.delete("/cart"))) == {}


def test_thirty_two_parallel_additions_are_all_kept(customer, product):
    answers = in_threads(32, lambda i: customer.another().add(product["id"]))
    versions = [data(answer, 201)["version"] for answer in answers]
    assert sorted(versions) == list(range(min(versions), min(versions) + 32))
    assert lines(customer.cart()) == {product["id"]: 32}


def warnings(cart):
    return sorted((w["product_id"], w["code"]) for w in cart["warnings"])


def test_one_call_to_products_shows_a_cart_of_a_hundred_lines(customer, admin, instance):
    def make(i):
        return [instance.new_product(admin.another())["id"] for _ in range(25)]

    made = sum(in_threads(4, make), [])
    for product_id in made:
        data(customer.add(product_id), 201)
    calls = lambda: instance.metric("halle_requests_total", "products")
    # a write that must check its product first asks for that one, and for the others to show them
    for wanted, act in (
        (1, lambda: customer.get("/cart")),
        (2, lambda: customer.patch(f"/cart/items/{made[0]}", {"quantity": 2})),
        (1, lambda: customer.delete(f"/cart/items/{made[1]}")),
        (1, lambda: customer.post("/cart/rollback", {"version": 101})),
    ):
        time.sleep(FACTS)
        before = calls()
        data(act())
        assert calls() - before == wanted
    assert len(customer.cart()["items"]) == 100


def test_a_line_that_is_not_sold_any_more_breaks_nothing(customer, admin, instance):
    """Reading, other lines, removing it, with and without a key."""
    gone, dearer, kept = (instance.new_product(admin)["id"] for _ in range(3))
    for product_id in (gone, dearer, kept):
        data(customer.add(product_id, 2), 201)
    assert admin.delete(f"/products/{gone}").status_code == 200
    data(admin.patch(f"/products/{dearer}", {"price": 20}))
    wanted = sorted([(gone, "UNAVAILABLE"), (dearer, "PRICE_CHANGED")])
    time.sleep(FACTS)
    assert warnings(customer.cart()) == wanted
    change = next(w for w in customer.cart()["warnings"] if w["code"] == "PRICE_CHANGED")
    assert (change["old"], change["new"]) == (12.5, 20)
    assert customer.cart()["total"] == 2 * 20 + 2 * 12.5
    for headers in ({}, {"Idempotency-Key": "other-lines"}):
        cart = data(customer.patch(f"/cart/items/{kept}", {"quantity": 3}, headers=headers))
        assert warnings(cart) == wanted and lines(cart) == {gone: 2, dearer: 2, kept: 3}
    problem(customer.patch(f"/cart/items/{gone}", {"quantity": 1}), 400, "PRODUCT_NOT_FOUND")
    assert warnings(data(customer.add(dearer), 201)) == [(gone, "UNAVAILABLE")]
    assert lines(data(customer.delete(f"/cart/items/{gone}"))) == {dearer: 3, kept: 3}
    assert customer.cart()["warnings"] == []


def test_stock_that_went_is_a_warning_on_the_line(customer, admin, instance):
    low, out = (instance.new_product(admin, storage_quantity=5)["id"] for _ in range(2))
    for product_id in (low, out):
        data(customer.add(product_id, 4), 201)
    data(admin.post(f"/products/{low}/stock", {"delta": -2, "reason": "sold"}))
    data(admin.post(f"/products/{out}/stock", {"delta": -5, "reason": "sold"}))
    time.sleep(FACTS)
    assert warnings(customer.cart()) == sorted([(low, "LOW_STOCK"), (out, "OUT_OF_STOCK")])
    problem(customer.patch(f"/cart/items/{low}", {"quantity": 4}), 400, "OUT_OF_STOCK")
    assert lines(data(customer.patch(f"/cart/items/{low}", {"quantity": 3}))) == {low: 3, out: 4}
