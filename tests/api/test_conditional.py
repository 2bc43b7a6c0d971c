"""ETag, If-None-Match, If-Match."""

import pytest

import pictures
from harness import data, problem


def quantity(client, product, n, etag):
    return client.add(product["id"], n, headers={"If-Match": etag})


@pytest.fixture(params=["product", "profile", "cart"])
def resource(request, admin, customer, product):
    """A caller, a path with an ETag, and a change of what stands there."""
    if request.param == "product":
        path = f"/products/{product['id']}"
        return admin, path, lambda etag: admin.patch(path, {"price": 5}, headers=etag)
    if request.param == "profile":
        path = "/users/profile"
        return customer, path, lambda etag: customer.patch(path, {"phone": "1"}, headers=etag)
    return customer, "/cart", lambda etag: customer.add(product["id"], 1, headers=etag)


def test_what_has_not_changed_answers_304_without_a_body(resource):
    client, path, _ = resource
    etag = client.get(path).headers["ETag"]
    for value in (etag, f'"x", {etag}', "W/" + etag, "*"):
        answer = client.get(path, headers={"If-None-Match": value})
        assert answer.status_code == 304 and answer.content == b"", value
        assert answer.headers["ETag"] == etag


def test_what_has_changed_answers_200_with_another_etag(resource):
    client, path, change = resource
    etag = client.get(path).headers["ETag"]
    assert change({}).status_code < 300
    answer = client.get(path, headers={"If-None-Match": etag})
    assert answer.status_code == 200 and answer.headers["ETag"] != etag


def test_a_write_with_the_right_etag_is_made(resource):
    client, path, change = resource
    etag = client.get(path).headers["ETag"]
    answer = change({"If-Match": etag})
    assert answer.status_code < 300
    assert answer.headers["ETag"] == client.get(path).headers["ETag"] != etag


def test_a_write_with_a_stale_etag_answers_412_with_the_current_state(resource):
    client, path, change = resource
    stale = client.get(path).headers["ETag"]
    assert change({}).status_code < 300
    before = data(client.get(path))
    for value in (stale, '"nonsense"', "W/" + client.get(path).headers["ETag"]):
        got = problem(change({"If-Match": value}), 412, "PRECONDITION_FAILED")
        assert got["current"] == before
    assert data(client.get(path)) == before


def test_a_write_for_whatever_version_is_made(resource):
    assert resource[2]({"If-Match": "*"}).status_code < 300


def test_deleting_asks_for_the_version_too(admin, customer, product):
    path = f"/products/{product['id']}"
    problem(admin.delete(path, headers={"If-Match": '"0"'}), 412, "PRECONDITION_FAILED")
    customer.add(product["id"])
    problem(customer.delete("/cart", headers={"If-Match": '"0"'}), 412, "PRECONDITION_FAILED")
    item = f"/cart/items/{product['id']}"
    problem(customer.delete(item, headers={"If-Match": '"0"'}), 412, "PRECONDITION_FAILED")
    problem(customer.patch(item, {"quantity": 2}, headers={"If-Match": '"0"'}), 412, "PRECONDITION_FAILED")
    assert len(customer.cart()["items"]) == 1


def test_of_two_writers_with_one_etag_one_wins(customer, product):
    etag = customer.get("/cart").headers["ETag"]
    first, second = (quantity(customer, product, 1, etag).status_code for _ in range(2))
    assert (first, second) == (201, 412)


def test_a_picture_answers_304(admin, anyone, product):
    path = f"/products/{product['id']}/image"
    admin.request("PUT", path, data=pictures.png(), headers={"Content-Type": "image/png"})
    first = anyone.get(path)
    again = anyone.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304 and again.content == b""


def test_a_304_comes_from_the_cache_and_from_the_worker(anyone, admin, product):
    path = f"/products/{product['id']}"
    etag = anyone.get(path).headers["ETag"]
    cached = anyone.get(path, headers={"If-None-Match": etag})
    assert cached.status_code == 304 and cached.headers["ETag"] == etag
    direct = admin.get(path, headers={"If-None-Match": etag})
    assert direct.status_code == 304 and direct.headers["ETag"] == etag


def test_an_error_has_no_etag(admin, product):
    answer = admin.patch(f"/products/{product['id']}", {"price": -1})
    assert "ETag" not in answer.headers
