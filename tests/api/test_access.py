"""Who may do what: every route that a worker prints × every kind of caller.

A route added later is tested without a change here; one whose path holds something new says so.
"""

import re
import uuid
from typing import NamedTuple

import pytest

import tokens
from harness import PASSWORD, SERVICES, data, eventually, problem
from openapi import SPOOFS, request_for
from routes import of_all_workers

ROUTES = of_all_workers()
# what stands at {…} of a path: whose it is decides who may see it
OBJECTS = [
    (r"^/auth/sessions/{", "session"),
    (r"^(/internal)?/orders/{", "order"),
    (r"^(/users|/internal/auth/accounts)/{|{user_id}", "user"),
    (r"^/products/{|{product_id}", "product"),
    (r"^/payments/{", "payment"),
]
BODY_NAMES_ITS_OBJECT = ("/payments",)  # which is an order of nobody here
CALLERS = (*SERVICES, "hallectl")
REFUSALS = ("UNAUTHENTICATED", "INVALID_TOKEN", "TOKEN_EXPIRED", "TOKEN_REVOKED", "FORBIDDEN", "NOT_FOUND")


class Outcome(NamedTuple):
    status: int
    code: str  # "" unless it is an error


def outcome(answer):
    if answer.status_code < 400:
        return Outcome(answer.status_code, "")
    body = problem(answer, answer.status_code)
    if answer.status_code == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    return Outcome(answer.status_code, body["error"]["code"])


def let_in(got):
    """Past the door; what the handler then says of the body is not judged here."""
    return got.status < 500 and got.code not in REFUSALS


def object_of(route):
    if "{" not in route.path:
        return None
    kinds = [kind for pattern, kind in OBJECTS if re.search(pattern, route.path)]
    assert kinds, f"{route}: say in OBJECTS what the {{…}} of this path stands for"
    return kinds[0]


def ids(routes):
    return pytest.mark.parametrize("route", routes, ids=str)


def of(*roles):
    return ids([route for route in ROUTES if route.role in roles])


# -- callers


def made_admin(instance, user):
    """The user logs in again as an admin."""
    instance.rows("auth", "UPDATE account SET role = 'admin' WHERE id = %s", user.user_id)
    return instance.login(user.username, PASSWORD)


@pytest.fixture(scope="module")
def strangers(instance):
    """{who: (token, what he is told)}: all of them were made from an admin's token."""
    admin = made_admin(instance, instance.new_user())
    gone = made_admin(instance, instance.new_user())
    instance.rows(
        "auth",
        "INSERT INTO revocation (session_id, created_at, expires_at)"
        " VALUES (%s, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) + INTERVAL 1 HOUR)",
        tokens.session_of(gone),
    )
    login = {"username": admin.username, "password": PASSWORD}
    refresh = data(instance.client().post("/auth/login", login))["refresh_token"]
    return {
        "nobody": (None, "UNAUTHENTICATED"),
        "garbage": ("x" * 40, "INVALID_TOKEN"),
        "expired": (tokens.expired(instance, admin), "TOKEN_EXPIRED"),
        "another audience": (tokens.access(instance, admin, aud="products"), "INVALID_TOKEN"),
        "a refresh token": (refresh, "INVALID_TOKEN"),
        "a service": (tokens.service(instance, "users"), "INVALID_TOKEN"),
        "an ended session": (gone.token, "TOKEN_REVOKED"),
    }


def declined_payment(instance, user):
    """A payment of the user's, as if the bank had declined it."""
    name = uuid.uuid4().bytes
    instance.rows(
        "payments",
        "INSERT INTO payment (id, order_id, user_id, state, reason, card_brand, card_last4, fingerprint)"
        " VALUES (%s, 1, %s, 'declined', 'stolen_card', 'visa', '4242', REPEAT('x', 32))",
        name, user.user_id,
    )
    return instance.rows("payments", "SELECT number FROM payment WHERE id = %s", name)[0]["number"]


class Cast:
    """A user, another one, an admin, and things of theirs; made anew for what may destroy them."""

    def __init__(self, instance, admin):
        self.owner, self.other = instance.new_user(), instance.new_user()
        self.admin = made_admin(instance, instance.new_user())
        self.product = instance.new_product(admin)["id"]
        data(self.owner.add(self.product), 201)
        self.payment = declined_payment(instance, self.owner)
        items = [{"product_id": self.product, "quantity": 1}]
        self.order = data(self.owner.post("/orders", {"items": items}), 201)["id"]

    def path(self, route):
        value = {
            None: "",
            "session": tokens.claims_of(self.owner.token)["sid"],
            "user": self.owner.user_id,
            "product": self.product,
            "payment": self.payment,
            "order": self.order,
        }[object_of(route)]
        return re.sub("{[a-z_]+}", str(value), route.path)


@pytest.fixture(scope="module")
def readers(instance, admin):
    return Cast(instance, admin)


@pytest.fixture
def cast(request, instance, admin, readers):
    return readers if request.getfixturevalue("route").method == "GET" else Cast(instance, admin)


def ask(client, route, cast, **headers):
    sent = request_for(route.method, route.path)
    sent["headers"] = {**sent.get("headers", {}), **headers}
    if "article_id" in sent.get("json", {}):  # what is in the cart
        sent["json"]["article_id"] = cast.product
    return outcome(client.request(route.method, cast.path(route), **sent))


# -- the matrix


@pytest.mark.parametrize("service", SERVICES)
def test_a_worker_prints_its_routes(service):
    assert any(route.service == service for route in ROUTES)


def test_no_route_is_closed_by_mistake():
    assert [r for r in ROUTES if r.role not in ("public", "customer", "admin", "service")] == []


@of("customer", "admin")
def test_without_a_good_access_token_nobody_comes_in(instance, strangers, readers, route):
    for who, (token, code) in strangers.items():
        stranger = instance.client(token)
        for spoofs in ({}, SPOOFS):
            told = lambda: ask(stranger, route, readers, **spoofs) == (401, code)
            # the list of ended sessions reaches every process in a moment
            assert eventually(told) if code == "TOKEN_REVOKED" else told(), f"{who}: {ask(stranger, route, readers)}"


@of("customer")
def test_a_customers_route_is_open_to_himself_alone(instance, cast, route):
    kind = object_of(route)
    for spoofs in ({}, {**SPOOFS, "X-User-Id": str(cast.owner.user_id)}):
        # a new one for each: the first request may have ended his account
        other = cast.other if route.method == "GET" else instance.new_user()
        got = ask(other, route, cast, **spoofs)
        assert got.status == 404 and got.code != "NOT_FOUND" if kind in ("user", "session", "payment", "order") else let_in(got), got
    if kind == "session":
        assert ask(cast.admin, route, cast).status == 404
    own = ask(cast.owner, route, cast)
    assert let_in(own) and (kind == "product" or route.path in BODY_NAMES_ITS_OBJECT or own.status != 404), own


@of("customer")
def test_an_admin_may_what_a_customer_may(cast, route):
    got = ask(cast.admin, route, cast)
    assert let_in(got) or object_of(route) == "session", got
    known = object_of(route) in ("product", "session") or route.path in BODY_NAMES_ITS_OBJECT
    assert got.status != 404 or known, got


@of("admin")
def test_an_admins_route_is_closed_to_customers(cast, route):
    for client in (cast.owner, cast.other):
        for spoofs in ({}, SPOOFS):
            assert ask(client, route, cast, **spoofs) == (403, "FORBIDDEN")
    got = ask(cast.admin, route, cast)
    assert let_in(got), got


@of("public")
def test_a_public_route_asks_nobody_who_he_is(instance, strangers, cast, route):
    """Whatever is shown, the answer is the same."""
    strangers = {**strangers, "a customer": (cast.other.token, ""), "an admin": (cast.admin.token, "")}
    def usual():
        """/health has 300 ms for all services."""
        answer = ask(instance.client(), route, cast)
        return answer.status < 500 and answer

    expected = eventually(usual)
    assert expected.code not in ("UNAUTHENTICATED", "FORBIDDEN", "NOT_FOUND")
    for who, (token, _) in strangers.items():
        for spoofs in ({}, SPOOFS):
            again = lambda: ask(instance.client(token), route, cast, **spoofs)
            got = again()
            if got.status >= 500:
                got = eventually(lambda: (a := again()).status < 500 and a)
            assert got == expected, f"{who}: {got}"


@of("service")
def test_a_services_route_does_not_exist_outside(instance, strangers, readers, route):
    callers = [token for token, _ in strangers.values()]
    callers += [readers.owner.token, readers.admin.token, tokens.service(instance, route.service)]
    for token in callers:
        for spoofs in ({}, SPOOFS):
            assert ask(instance.client(token), route, readers, **spoofs) == (404, "NOT_FOUND")


@of("service")
def test_a_services_route_wants_that_services_token(instance, strangers, readers, route):
    def inside(token):
        status, body = tokens.ask_internal(
            instance, route.method, readers.path(route), token, None if route.method == "GET" else "{}"
        )
        return Outcome(status, body["error"]["code"] if status >= 400 else "")

    for other in SERVICES:
        if other != route.service:
            assert inside(tokens.service(instance, other)) == (401, "INVALID_TOKEN")
    assert inside(tokens.service(instance, route.service, exp=1, iat=0, nbf=0)) == (401, "TOKEN_EXPIRED")
    assert inside(None) == (401, "UNAUTHENTICATED")
    for token in (readers.owner.token, readers.admin.token, strangers["an ended session"][0], "x" * 40):
        assert inside(token) == (401, "INVALID_TOKEN")
    # a handler may want one certain service: then the others are told so
    got = [inside(tokens.service(instance, route.service, sub=sub)) for sub in CALLERS]
    assert any(map(let_in, got)) and all(let_in(g) or g == (403, "FORBIDDEN") for g in got), got
