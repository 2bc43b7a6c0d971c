"""openapi.yaml says what the programs do: routes, roles, errors, and examples that work."""

import re
import uuid

import jsonschema
import pytest

import pictures
from harness import PASSWORD, ROOT, data, eventually
from openapi import resolved, resolver, spec
from routes import of_all_workers

SPEC, RESOLVER = spec(), resolver()
INTERNAL = ("STOCK_NOT_HELD",)  # codes that only services meet
METHODS = ("get", "put", "post", "patch", "delete")


class Operation:
    def __init__(self, path, method, spec):
        self.path, self.method, self.spec = path, method.upper(), spec[method]
        shared = spec.get("parameters", [])
        self.parameters = [resolved(p) for p in shared + self.spec.get("parameters", [])]
        self.responses = {str(k): resolved(v) for k, v in self.spec["responses"].items()}

    def __str__(self):
        return f"{self.method} {self.path}"

    @property
    def role(self):
        security = self.spec["security"]
        return security[0]["bearer"][0] if security else "public"

    @property
    def success(self):
        return next(int(k) for k in self.responses if k.startswith("2"))


OPERATIONS = [
    Operation(path, method, spec)
    for path, spec in SPEC["paths"].items()
    for method in METHODS
    if method in spec
]


def registry():
    """err.def as {code: statuses}."""
    found = {}
    text = (ROOT / "fcgi/lib/err.def").read_text()
    for code, status in re.findall(r"^ERR\(([A-Z_]+), (\d+),", text, re.M):
        code = {"BODY_PRODUCT_NOT_FOUND": "PRODUCT_NOT_FOUND", "ORDER_OUT_OF_STOCK": "OUT_OF_STOCK"}.get(code, code)
        if code not in INTERNAL:
            found.setdefault(code, set()).add(status)
    return found


def codes(description):
    return re.findall(r"`([A-Z_]+)`", description)


def general_codes():
    """{code: status} of the list "any operation may answer these"."""
    found = {}
    for part in re.split(r"[;.]\n?", SPEC["components"]["responses"]["Problem"]["description"]):
        status = re.search(r"\b([45]\d\d)\b", part)
        for code in codes(part):
            found[code] = status[1]
    return found


def valid(value, schema):
    jsonschema.Draft202012Validator(schema, resolver=RESOLVER).validate(value)


def test_every_public_route_of_every_worker_is_documented_with_its_role():
    routes = {(r.method, r.path, r.role) for r in of_all_workers() if r.role != "service"}
    assert {(o.method, o.path, o.role) for o in OPERATIONS} == routes


def test_every_error_of_the_registry_is_documented_with_its_status():
    documented = {}
    for operation in OPERATIONS:
        for status, response in operation.responses.items():
            if status[0] in "45":
                assert codes(response["description"]), f"{operation} {status} names no code"
                for code in codes(response["description"]):
                    documented.setdefault(code, set()).add(status)
    for code, status in general_codes().items():
        documented.setdefault(code, set()).add(status)
    assert documented == registry()


def test_operations_are_named_once():
    names = [o.spec["operationId"] for o in OPERATIONS if "operationId" in o.spec]
    assert len(names) == len(set(names))


def test_parameters_of_paths_are_declared():
    for operation in OPERATIONS:
        declared = {p["name"] for p in operation.parameters if p["in"] == "path"}
        assert declared == set(re.findall(r"{([a-z_]+)}", operation.path)), operation


def examples():
    for operation in OPERATIONS:
        bodies = [("request", operation.spec.get("requestBody", {}).get("content", {}))]
        bodies += [(k, v.get("content", {})) for k, v in operation.responses.items()]
        for where, content in bodies:
            for kind, media in content.items():
                if "example" in media:
                    yield f"{operation} {where}", media["example"], media["schema"]
                else:
                    assert "json" not in kind, f"{operation} {where} has no example"


def test_every_example_fits_its_schema():
    for where, example, schema in examples():
        try:
            valid(example, schema)
        except jsonschema.ValidationError as error:
            raise AssertionError(f"{where}: {error.message}") from error


def test_every_schema_is_sound():
    for name, schema in SPEC["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema), name


def captured_payment(instance, user):
    """As if the customer had paid an order with it; its public id."""
    name = uuid.uuid4().bytes
    instance.rows(
        "bank",
        "INSERT INTO charge (charge_key, amount_cents, currency, outcome, reference)"
        " VALUES (%s, 2598, 'EUR', 'approved', '0011223344556677')",
        name,
    )
    instance.rows(
        "payments",
        "INSERT INTO payment (id, order_id, user_id, amount_cents, currency, state, card_brand, card_last4, fingerprint)"
        " VALUES (%s, %s, %s, 2598, 'EUR', 'captured', 'visa', '4242', REPEAT('x', 32))",
        name, uuid.uuid4().int >> 66, user.user_id,
    )
    return instance.rows("payments", "SELECT number FROM payment WHERE id = %s", name)[0]["number"]


class Stage:
    """What the examples speak of, made so that each of them can be sent."""

    def __init__(self, instance, admin):
        self.admin, self.customer = admin, instance.new_user()
        self.product = instance.new_product(admin)["id"]
        admin.request(
            "PUT", f"/products/{self.product}/image", data=pictures.png(), headers={"Content-Type": "image/png"}
        )
        data(self.customer.add(self.product, 2), 201)
        self.clients = {"public": instance.client(), "customer": self.customer, "admin": admin}

    def path(self, operation):
        values = {p["name"]: p["example"] for p in operation.parameters if p["in"] == "path"}
        values.update(id=self.product, product_id=self.product, user_id=self.customer.user_id)
        if "uuid" in values:
            values.update(uuid=data(self.customer.get("/auth/sessions"))[0]["id"])
        if operation.path.startswith("/payments/{"):
            values.update(id=captured_payment(self.customer.instance, self.customer))
        if operation.path.startswith("/orders/"):
            body = {"items": [{"product_id": self.product, "quantity": 1}]}
            values.update(id=data(self.customer.post("/orders", body), 201)["id"])
        if operation.path.startswith("/users/"):
            values.update(id=self.customer.user_id)
        query = {p["name"]: p["example"] for p in operation.parameters if p["in"] == "query" and "example" in p}
        text = "&".join(f"{k}={str(v).lower() if isinstance(v, bool) else v}" for k, v in query.items())
        return operation.path.format(**values) + ("?" + text if text else "")

    def body(self, operation):
        content = operation.spec.get("requestBody", {}).get("content", {})
        if "application/json" not in content:
            return {"data": pictures.png(), "headers": {"Content-Type": "image/png"}} if content else {}
        example = dict(content["application/json"]["example"])
        name = self.customer.username
        if operation.path in ("/auth/register", "/users"):
            name = "x" + uuid.uuid4().hex[:16]
        here = {
            "username": name, "email": f"{name}@example.com", "password": PASSWORD,
            "token": self.customer.token, "product_id": self.product, "article_id": self.product,
            "refresh_token": self.customer.refresh_token, "current": PASSWORD,
        }
        if operation.path == "/payments":
            items = [{"product_id": self.product, "quantity": 1}]
            here["order_id"] = data(self.customer.post("/orders", {"items": items}), 201)["id"]
        return {"json": {k: here.get(k, v) for k, v in example.items()}}


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_the_example_is_answered_as_documented(instance, admin, operation):
    stage = Stage(instance, admin)
    client = stage.clients[operation.role]
    ask = lambda: client.request(operation.method, stage.path(operation), **stage.body(operation))
    answer = ask()
    if answer.status_code >= 500 and operation.path in ("/health", "/readyz"):  # 300 ms for all services
        answer = eventually(lambda: (a := ask()).ok and a)
    assert answer.status_code == operation.success, answer.text
    response = operation.responses[str(operation.success)]
    for name in response.get("headers", {}):
        assert name in answer.headers, name
    kind = answer.headers["Content-Type"].split(";")[0]
    assert kind in response["content"]
    if kind == "application/json":
        valid(answer.json(), response["content"][kind]["schema"])


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_an_error_is_answered_as_documented(instance, anyone, operation):
    """Without a token, or with a query that is none of the documented ones."""
    path = operation.path.replace("{uuid}", "0192f000-0000-7000-8000-000000000000")
    path = re.sub("{[a-z_]+}", "0", path)
    answer = anyone.request(operation.method, path, data=b"{", headers={"Content-Type": "application/json"})
    if answer.status_code < 400:
        return
    status = str(answer.status_code)
    code = answer.json()["error"]["code"]
    known = codes(operation.responses.get(status, {}).get("description", ""))
    assert code in known or general_codes().get(code) == status, answer.text
    valid(answer.json(), SPEC["components"]["schemas"]["Problem"])
