"""Members that are not a route's own are refused, whatever they would mean, and change nothing."""

import pytest

from harness import problem
from openapi import body_of, members, request_for
from routes import of_all_workers

SMUGGLED = {
    "role": "admin", "id": 1, "user_id": 1, "price": 0.01, "status": "active", "is_admin": True, "total": 0,
    "version": 1, "password_hash": "x", "created_at": "2020-01-01T00:00:00Z", "owner": 1, "currency": "USD",
}
ROUTES = [r for r in of_all_workers() if "application/json" in body_of(r.method, r.path)]


@pytest.fixture(scope="module")
def caller(instance, admin):
    return {"public": instance.client(), "customer": instance.new_user(), "admin": admin}


@pytest.fixture(scope="module")
def product(instance, admin):
    return instance.new_product(admin)


def path_of(route, user, product):
    head, brace, rest = route.path.partition("{")
    if not brace:
        return route.path
    user_is_meant = rest.startswith("user_id}") or head == "/users/"
    return f"{head}{user.user_id if user_is_meant else product['id']}{rest.partition('}')[2]}"


def test_there_are_routes_with_a_body():
    assert {r.service for r in ROUTES} >= {"auth", "users", "products", "carts"}


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_a_member_that_is_not_the_routes_own_is_refused_by_name(instance, caller, product, route):
    known = members(body_of(route.method, route.path)["application/json"]["schema"])
    client, path = caller[route.role], path_of(route, caller["customer"], product)
    before = instance.checksum()
    for name in SMUGGLED.keys() - known:
        body = {**request_for(route.method, route.path)["json"], name: SMUGGLED[name]}
        got = problem(client.request(route.method, path, json=body), 400, "VALIDATION_FAILED")
        assert {"pointer": f"#/{name}", "code": "unknown"} in [
            {k: error[k] for k in ("pointer", "code")} for error in got["errors"]
        ], got
    assert instance.checksum() == before


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_a_member_of_a_member_or_in_another_spelling_is_no_way_in(instance, caller, product, route):
    client, path = caller[route.role], path_of(route, caller["customer"], product)
    before = instance.checksum()
    good = request_for(route.method, route.path)["json"]
    for smuggled in ({"ROLE": "admin"}, {"Role": "admin"}, {" role": "admin"}, {"r\u043ele": "admin"},
                     {"__proto__": {"role": "admin"}}, {"data": {"role": "admin"}}, {"": "admin"}):
        problem(client.request(route.method, path, json={**good, **smuggled}), 400, "VALIDATION_FAILED")
    assert instance.checksum() == before
