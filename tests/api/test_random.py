"""Random input and random sequences: the same in every run, unless HALLE_LONG is set."""

import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from harness import data, problem

LONG = bool(os.environ.get("HALLE_LONG"))
RANDOM = settings(
    max_examples=2000 if LONG else 80,
    derandomize=not LONG,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def customer(instance):
    return instance.new_user()


@pytest.fixture(autouse=True)
def _nothing_broke(unharmed):
    yield


def refused_or_done(answer):
    """Whatever was sent: a success, or a refusal in our form."""
    if answer.status_code >= 400:
        assert answer.status_code < 500, answer.text
        problem(answer, answer.status_code)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(
    ["product_id", "quantity", "name", "price", "storage_quantity", "image", "description", "username", "password",
     "email", "token", "delta", "reason", "first_name"]
)
bodies = st.dictionaries(names | st.text(max_size=8), values, max_size=5)


@RANDOM
@given(body=bodies)
def test_any_json_is_taken_or_refused_everywhere(admin, product_of_module, body):
    for method, path in (
        ("POST", "/cart"), ("PATCH", f"/cart/items/{product_of_module}"), ("PATCH", f"/products/{product_of_module}"),
        ("POST", f"/products/{product_of_module}/stock"), ("PATCH", "/users/profile"), ("POST", "/auth/verify"),
    ):
        text = json.dumps(body)  # with NaN and Infinity, which are no JSON
        refused_or_done(admin.request(method, path, data=text, headers=JSON))


@RANDOM
@given(body=st.binary(max_size=200))
def test_any_bytes_are_refused_as_json_and_as_a_picture(admin, product_of_module, body):
    path = f"/products/{product_of_module}"
    problem(admin.request("PATCH", path, data=body or b" ", headers=JSON), 400)
    problem(admin.request("PUT", path + "/image", data=body, headers={"Content-Type": "image/png"}), 400)


@RANDOM
@given(q=st.text(max_size=60), sort=st.text(max_size=12), cursor=st.text(max_size=30), limit=st.integers(-3, 120))
def test_any_query_is_answered(admin, q, sort, cursor, limit):
    for params in ({"q": q, "limit": limit}, {"sort": sort}, {"cursor": cursor}, {q: sort}):
        url = admin.instance.url + "/products"
        headers = {"Authorization": "Bearer " + admin.token}
        refused_or_done(admin.session.get(url, params=params, headers=headers, timeout=20))


@pytest.fixture(scope="module")
def product_of_module(instance, admin):
    return instance.new_product(admin)["id"]


def test_a_cart_behaves_as_a_dictionary_with_limits(instance, admin):
    stocks = {instance.new_product(admin, price=p, storage_quantity=n)["id"]: (p, n)
              for p, n in ((0.01, 3), (19.99, 40), (1000, 999))}
    owner = instance.new_user()

    class Cart(RuleBasedStateMachine):
        products = st.sampled_from(sorted(stocks))

        @initialize()
        def begin(self):
            data(owner.delete("/cart"))
            self.lines = {}

        @rule(product=products, n=st.integers(1, 45))
        def add(self, product, n):
            self.put(product, self.lines.get(product, 0) + n, owner.add(product, n), 201)

        @rule(product=products, n=st.integers(1, 45))
        def set_to(self, product, n):
            answer = owner.patch(f"/cart/items/{product}", {"quantity": n})
            if product not in self.lines:
                problem(answer, 404, "CART_ITEM_NOT_FOUND")
            else:
                self.put(product, n, answer, 200)

        @rule(product=products)
        def remove(self, product):
            answer = owner.delete(f"/cart/items/{product}")
            if self.lines.pop(product, None) is None:
                problem(answer, 404, "CART_ITEM_NOT_FOUND")
            else:
                data(answer)

        @rule()
        def empty(self):
            self.lines = {}
            assert data(owner.delete("/cart"))["items"] == []

        def put(self, product, quantity, answer, status):
            if quantity <= stocks[product][1]:
                self.lines[product] = quantity
                data(answer, status)
            else:
                assert answer.status_code == 400, answer.text

        @invariant()
        def the_cart_is_the_dictionary(self):
            if hasattr(self, "lines"):
                cart = owner.cart()
                assert {i["product_id"]: i["quantity"] for i in cart["items"]} == self.lines
                cents = sum(round(stocks[p][0] * 100) * n for p, n in self.lines.items())
                assert round(cart["total"] * 100) == cents

    run_state_machine_as_test(
        Cart, settings=settings(RANDOM, max_examples=200 if LONG else 15, stateful_step_count=20)
    )
