"""Every route of every worker, asked by nobody, a customer, another customer and an admin."""

import pytest

from harness import SERVICES, problem
from routes import of_all_workers

ROUTES = of_all_workers()


@pytest.fixture(scope="module")
def other(instance):
    return instance.new_user()


@pytest.fixture(scope="module")
def product(instance, admin):
    return instance.new_product(admin)


@pytest.mark.parametrize("service", SERVICES)
def test_a_worker_prints_its_routes(service):
    assert any(route.service == service for route in ROUTES)


def test_no_route_is_closed_by_mistake():
    assert [r for r in ROUTES if r.role == "closed"] == []


def path_of(route, customer, product):
    owner = customer.user_id if route.path.startswith("/users/") else product["id"]
    head, brace, rest = route.path.partition("{")
    return head + str(owner) + rest.partition("}")[2] if brace else route.path


def ask(client, route, path):
    """A request whose body is no JSON: whoever may come in gets to hear of that, not more."""
    body = {} if route.method in ("GET", "DELETE") else {"data": b"x", "headers": {"Content-Type": "text/x"}}
    return client.request(route.method, path, **body)


@pytest.mark.parametrize("route", [r for r in ROUTES if r.role in ("customer", "admin")], ids=str)
def test_a_route_that_is_not_public_is_closed_to_strangers(anyone, customer, product, route):
    answer = ask(anyone, route, path_of(route, customer, product))
    problem(answer, 401, "UNAUTHENTICATED")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("route", [r for r in ROUTES if r.role == "admin"], ids=str)
def test_an_admins_route_is_closed_to_customers(customer, product, route):
    problem(ask(customer, route, path_of(route, customer, product)), 403, "FORBIDDEN")


@pytest.mark.parametrize("route", [r for r in ROUTES if r.role in ("customer", "admin")], ids=str)
def test_an_admin_passes_everywhere(admin, instance, customer, route):
    product = instance.new_product(admin)
    deletes_himself = (route.method, route.path) == ("DELETE", "/users/profile")
    answer = ask(instance.new_admin(admin) if deletes_himself else admin, route, path_of(route, customer, product))
    assert answer.status_code not in (401, 403) and answer.status_code < 500, answer.text


@pytest.mark.parametrize("route", [r for r in ROUTES if r.role == "customer"], ids=str)
def test_a_customers_route_is_open_to_its_owner_and_shows_others_nothing(customer, other, product, route):
    path = path_of(route, customer, product)
    own = ask(customer, route, path)
    assert own.status_code in (200, 404, 415), own.text
    if str(customer.user_id) in path and "users" in path:
        assert own.status_code in (200, 415)
        assert ask(other, route, path).status_code in (404, 415)


@pytest.mark.parametrize("route", [r for r in ROUTES if r.role == "public"], ids=str)
def test_a_public_route_asks_nobody_who_he_is(anyone, customer, product, route):
    answer = ask(anyone, route, path_of(route, customer, product))
    assert answer.status_code not in (401, 403) and answer.status_code < 500, answer.text


@pytest.mark.parametrize("route", [r for r in ROUTES if r.role == "service"], ids=str)
def test_a_services_route_does_not_exist_for_anybody_outside(anyone, admin, route):
    for client in (anyone, admin):
        problem(ask(client, route, route.path.replace("{id}", "1")), 404, "NOT_FOUND")
