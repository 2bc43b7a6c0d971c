"""Whatever is sent: an answer below 500 in our own form, nothing changed, nobody died."""

import socket
import ssl

import pytest

from harness import data, problem, send_raw

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def customer(instance):
    return instance.new_user()


@pytest.fixture(scope="module")
def product(instance, admin):
    return instance.new_product(admin)


@pytest.fixture(autouse=True)
def _nothing_broke(unharmed):
    yield


@pytest.fixture
def unchanged(instance):
    """The databases before; call it to compare."""
    before = instance.checksum()

    def check():
        assert instance.checksum() == before

    return check


MALFORMED = [
    b"",
    b" ",
    b"{",
    b"{}{}",
    b"{} x",
    b"[]",
    b"1",
    b"null",
    b'"text"',
    b"{'product_id':1,\"quantity\":1}",
    b'{"product_id":1,"quantity":1,}',
    b'{"product_id":1 "quantity":1}',
    b'{product_id:1,"quantity":1}',
    b'{"product_id":01,"quantity":1}',
    b'{"product_id":+1,"quantity":1}',
    b'{"product_id":1.,"quantity":1}',
    b'{"product_id":.5,"quantity":1}',
    b'{"product_id":NaN,"quantity":1}',
    b'{"product_id":Infinity,"quantity":1}',
    b'{"product_id":1e999,"quantity":1}',
    b'{"product_id":0x1,"quantity":1}',
    b'{"product_id":1,"quantity":1/*c*/}',
    b'{"product_id":1,"product_id":1,"quantity":1}',
    b'{"product_id":1,"product\\u005fid":1,"quantity":1}',
    b'{"product_id":1,"quantity":1}\0',
    b'{"product_id":1,"quantity":1,"a":"\0"}',
    b'{"product_id":1,"quantity":1,"a":"\\u0000"}',
    b'{"product_id":1,"quantity":1,"a":"\xff"}',
    b'{"product_id":1,"quantity":1,"a":"\xc0\x80"}',
    b'{"product_id":1,"quantity":1,"a":"\xed\xa0\x80"}',
    b'{"product_id":1,"quantity":1,"a":"\\ud800"}',
    b'{"product_id":1,"quantity":1,"a":"\t"}',
    b'{"product_id":1,"quantity":1,"a":"\\x41"}',
    b'\xef\xbb\xbf{"product_id":1,"quantity":1}',
    b"[" * 8000,
    b'{"a":' * 3000,
    b'{"a":' + b"[" * 17 + b"]" * 17 + b"}",
    b"\xff\xfe{\x00}\x00",
]


@pytest.mark.parametrize("body", MALFORMED, ids=lambda b: repr(b[:40]))
def test_a_body_that_is_not_a_strict_json_object_is_refused(customer, body):
    before = customer.cart()
    problem(customer.request("POST", "/cart", data=body, headers=JSON), 400)
    assert customer.cart() == before


FAULTS = [
    ({"price": 1}, "#/name", "required"),
    ({"name": "x"}, "#/price", "required"),
    ({"name": "", "price": 1}, "#/name", "min_length"),
    ({"name": "x" * 5000, "price": 1}, "#/name", "max_length"),
    ({"name": 7, "price": 1}, "#/name", "type"),
    ({"name": None, "price": 1}, "#/name", "type"),
    ({"name": {"a": 1}, "price": 1}, "#/name", "type"),
    ({"name": "a\x00b", "price": 1}, None, None),
    ({"name": "x", "price": "1"}, "#/price", "type"),
    ({"name": "x", "price": True}, "#/price", "type"),
    ({"name": "x", "price": -0.01}, "#/price", "min"),
    ({"name": "x", "price": 1.999}, "#/price", "decimals"),
    ({"name": "x", "price": 10**15}, "#/price", "max"),
    ({"name": "x", "price": 1, "storage_quantity": -1}, "#/storage_quantity", None),
    ({"name": "x", "price": 1, "storage_quantity": 1.5}, "#/storage_quantity", "type"),
    ({"name": "x", "price": 1, "storage_quantity": 2**63}, "#/storage_quantity", "max"),
    ({"name": "x", "price": 1, "storage_quantity": "9"}, "#/storage_quantity", "type"),
    ({"name": "x", "price": 1, "color": "red"}, "#/color", "unknown"),
]


@pytest.mark.parametrize("body, pointer, code", FAULTS, ids=lambda v: repr(v)[:40])
def test_a_field_that_is_not_acceptable_is_named(admin, unchanged, body, pointer, code):
    got = problem(admin.post("/products", body), 400)
    if pointer:
        assert [e["pointer"] for e in got["errors"]] == [pointer]
    if code:
        assert got["errors"][0]["code"] == code
    unchanged()


@pytest.mark.parametrize("price", ["1e2", "1E2", "1.0e1", "1.000", "00.1", "1e-2", "9" * 40])
def test_a_price_is_a_plain_amount_or_refused(admin, unchanged, price):
    body = '{"name":"Prix","price":%s}' % price
    answer = admin.request("POST", "/products", data=body, headers=JSON)
    problem(answer, 400)
    unchanged()


def test_many_faults_are_told_at_once(admin):
    got = problem(admin.post("/products", {"name": 1, "price": "x", "zzz": 1}), 400)
    assert {e["pointer"] for e in got["errors"]} == {"#/name", "#/price", "#/zzz"}


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded",
                                  "multipart/form-data; boundary=x", "application/jsonx", "application/xml"])
def test_another_media_type_is_refused(customer, product, kind):
    before = customer.cart()
    body = b'{"product_id":%d,"quantity":1}' % product["id"]
    answer = customer.request("POST", "/cart", data=body, headers={"Content-Type": kind} if kind else {})
    problem(answer, 415, "UNSUPPORTED_MEDIA_TYPE")
    assert customer.cart() == before


@pytest.mark.parametrize(
    "kind",
    ["application/json; charset=utf-8", "Application/JSON", "application/json;charset=UTF-8"],
)
def test_the_media_type_may_have_parameters_and_any_case(customer, product, kind):
    body = '{"product_id":%d,"quantity":1}' % product["id"]
    data(customer.request("POST", "/cart", data=body, headers={"Content-Type": kind}), 201)


def test_a_body_of_more_than_16_kib_is_refused(customer):
    problem(customer.post("/cart", {"product_id": 1, "x": "y" * 16384}), 413, "BODY_TOO_LARGE")


def test_a_login_body_of_a_mebibyte_is_refused(anyone):
    problem(anyone.post("/auth/login", {"username": "a", "password": "b" * 2**20}), 413, "BODY_TOO_LARGE")


@pytest.mark.parametrize(
    "path",
    ["/products/%s", "/cart/items/%s", "/users/%s", "/products/%s/image", "/products/%s/stock"],
)
@pytest.mark.parametrize(
    "bad",
    ["0", "-1", str(2**63), "abc", "1e3", "0x1", "1%00", "%ff", "1;2", "99999999999999999999999"],
)
def test_an_id_that_is_none_is_refused_everywhere(admin, path, bad):
    method = "DELETE" if "items" in path else "GET"
    answer = admin.request(method, path % bad)
    assert answer.status_code in (400, 404), answer.text
    if "%" not in bad:
        problem(answer, 400, "INVALID_ID")


@pytest.mark.parametrize("path", ["/nowhere", "/products/1/nothing", "/cart/x/y", "/auth", "/auth/nothing",
                                  "/products/../../etc/passwd", "/%2e%2e/etc/passwd", "/cart%00", "/.git/config",
                                  "/internal/products/facts", "/internal/users/events", "/PRODUCTS", "//products//x"])
def test_what_is_not_there_answers_404_in_our_form(anyone, path):
    answer = send_raw(anyone.instance, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert answer[0] in (400, 404), answer
    assert answer[1]["content-type"].startswith("application/problem+json"), answer


def request_text(line, *headers):
    return "\r\n".join([line, "Host: localhost", *headers, "Connection: close", "", ""]).encode("latin-1")


HOSTILE = [
    (request_text("GET /products/" + "1" * 9000 + " HTTP/1.1"), 414),
    (request_text("GET /products?q=" + "a" * 9000 + " HTTP/1.1"), 414),
    (request_text("GET /products HTTP/1.1", "X-Long: " + "a" * 9000), (400, 431)),
    (request_text("GET /products HTTP/1.1", *[f"X-{i}: {'a' * 7000}" for i in range(8)]), (400, 431)),
    (request_text("GET /products\x00 HTTP/1.1"), 400),
    (request_text("GET /products HTTP/1.1", "X-Nul: a\x00b"), 400),
    (request_text("BREW /products HTTP/1.1"), 405),
    (request_text("TRACE /products HTTP/1.1"), 405),
    (request_text("POST /cart HTTP/1.1", "Content-Length: abc"), 400),
    (request_text("POST /cart HTTP/1.1", "Content-Length: -1"), 400),
    (request_text("POST /cart HTTP/1.1", "Content-Length: 99999999999999999999"), (400, 413)),
    (request_text("POST /cart HTTP/1.1", "Content-Length: 5", "Content-Length: 6"), 400),
    (request_text("POST /cart HTTP/1.1", "Transfer-Encoding: nonsense"), 400),
    (request_text("GET /products HTTP/7.3"), 400),
    (request_text("GET /products HTTP/one"), 400),
    (request_text("GET /products HTTP/1.1", "Idempotency-Key: " + "k" * 300), 400),
    (request_text("GET /products HTTP/1.1", "Idempotency-Key: caf\xe9"), 400),
    (request_text("GET /%zz HTTP/1.1"), 400),
]


@pytest.mark.parametrize("request_bytes, status", HOSTILE, ids=lambda v: repr(v)[:50])
def test_a_hostile_request_gets_its_4xx_in_our_form(instance, request_bytes, status):
    got, headers, body = send_raw(instance, request_bytes)
    assert got in (status if isinstance(status, tuple) else (status,)), (got, body)
    assert headers["content-type"].startswith("application/problem+json"), (got, headers)


def test_a_body_that_is_cut_short_has_no_effect(instance, customer, product):
    before = customer.cart()
    body = b'{"product_id":%d,"quantity":1}' % product["id"]
    head = request_text(
        "POST /cart HTTP/1.1", f"Authorization: Bearer {customer.token}",
        "Content-Type: application/json", f"Content-Length: {len(body) + 5}",
    )
    context = ssl.create_default_context(cafile=str(instance.certificate))
    with socket.create_connection(("127.0.0.1", instance.https_port), timeout=20) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as sock:
            sock.sendall(head + body)
    assert customer.cart() == before
