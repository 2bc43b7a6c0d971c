"""Idempotency-Key: the same request twice acts once."""

import uuid

import pytest

from harness import PASSWORD, data, eventually, in_threads, problem


def key():
    return {"Idempotency-Key": uuid.uuid4().hex}


def same_but_replayed(first, second):
    assert second.status_code == first.status_code and second.content == first.content
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    for name in ("ETag", "Location"):
        assert second.headers.get(name) == first.headers.get(name), name


@pytest.fixture(params=["create", "patch", "stock", "profile", "cart", "item"])
def write(request, admin, customer, product):
    """A change that shows when it was made twice: fn(headers, other=False)."""
    path = f"/products/{product['id']}"
    name = "K" + uuid.uuid4().hex
    if request.param == "item":
        customer.add(product["id"])
    return {
        "create": lambda h, other=0: admin.post("/products", {"name": name, "price": 1 + other}, headers=h),
        "patch": lambda h, other=0: admin.patch(path, {"price": 3 + other}, headers=h),
        "stock": lambda h, other=0: admin.post(path + "/stock", {"delta": 1 + other, "reason": "k"}, headers=h),
        "profile": lambda h, other=0: customer.patch("/users/profile", {"phone": str(1 + other)}, headers=h),
        "cart": lambda h, other=0: customer.add(product["id"], 2 + other, headers=h),
        "item": lambda h, other=0: customer.patch(
            f"/cart/items/{product['id']}", {"quantity": 7 + other}, headers=h
        ),
    }[request.param]


def test_a_repeated_request_gets_the_same_answer(write):
    same = key()
    first = write(same)
    assert first.status_code in (200, 201), first.text
    same_but_replayed(first, write(same))
    same_but_replayed(first, write({"Idempotency-Key": f'"{same["Idempotency-Key"]}"'}))


@pytest.mark.parametrize("service, path", [("products", "/products"), ("users", "/users/profile"), ("carts", "/cart")])
def test_a_repetition_tells_only_what_is_on_disk(instance, admin, customer, product, service, path):
    """MariaDB shows a change before; so the repetition commits something of its own, and waits for it."""
    same, flushed = key(), lambda: instance.rows(service, "SELECT flushed_at FROM log_flush")
    write = {
        "/products": lambda: admin.post(path, {"name": "K" + same["Idempotency-Key"], "price": 1}, headers=same),
        "/users/profile": lambda: customer.patch(path, {"phone": "1"}, headers=same),
        "/cart": lambda: customer.add(product["id"], headers=same),
    }[path]
    first, before = write(), flushed()
    same_but_replayed(first, write())
    assert flushed() != before


def test_another_body_under_the_same_key_is_refused(write):
    same = key()
    write(same)
    problem(write(same, 1), 422, "IDEMPOTENCY_KEY_REUSED")


def test_the_change_is_made_once(admin, customer, product):
    same = key()
    for _ in range(3):
        customer.add(product["id"], 2, headers=same)
        admin.post(f"/products/{product['id']}/stock", {"delta": 5, "reason": "k"}, headers=same)
    assert customer.cart()["items"][0]["quantity"] == 2
    assert data(admin.get(f"/products/{product['id']}"))["storage_quantity"] == 505


def test_keys_belong_to_their_user(customer, other, product):
    same = key()
    data(customer.add(product["id"], 2, headers=same), 201)
    answer = other.add(product["id"], 3, headers=same)
    assert data(answer, 201)["items"][0]["quantity"] == 3


def test_a_failed_request_leaves_its_key_free(customer, product):
    same = key()
    problem(customer.add(product["id"], 999, headers=same), 400, "OUT_OF_STOCK")
    data(customer.add(product["id"], 1, headers=same), 201)


def test_of_parallel_requests_with_one_key_one_acts(customer, product):
    same = key()

    def add(i):
        one = customer.another()
        answer = one.add(product["id"], 2, headers=same)
        if answer.status_code == 409:
            problem(answer, 409, "IDEMPOTENCY_KEY_BUSY")
            answer = eventually(lambda: one.add(product["id"], 2, headers=same))
        return answer

    answers = in_threads(8, add)
    assert {a.status_code for a in answers} == {201}
    assert len({a.content for a in answers}) == 1
    assert customer.cart()["items"][0]["quantity"] == 2


def test_registering_twice_with_one_key_makes_one_account(anyone):
    name = "i" + uuid.uuid4().hex[:16]
    body = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
    same = key()
    first = anyone.post("/auth/register", body, headers=same)
    assert first.status_code == 201
    same_but_replayed(first, anyone.post("/auth/register", body, headers=same))


@pytest.mark.parametrize("value", ["", '""', "a b", "a" * 256, '"' + "a" * 256 + '"', "\x7f"])
def test_a_key_out_of_form_is_refused(customer, product, value):
    answer = customer.add(product["id"], headers={"Idempotency-Key": value})
    if value:
        problem(answer, 400, "INVALID_HEADER")
        assert customer.cart()["items"] == []
