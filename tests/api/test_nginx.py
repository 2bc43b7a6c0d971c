"""What nginx does in front of the workers: TLS, headers, errors, caching, limits."""

import json
import re
import signal
import subprocess
import time

import pytest
import requests

import pictures
from harness import PASSWORD, ROOT, data, eventually, in_threads, kill, private_instance, problem
from openapi import SPOOFS

SECURITY = {
    "Strict-Transport-Security": r"max-age=\d{8}",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'",
    "Referrer-Policy": "no-referrer",
}


def secured(answer):
    for name, value in SECURITY.items():
        assert re.match(value, answer.headers.get(name, "")), (answer.url, answer.status_code, name)
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-Id"])
    assert "nginx/" not in answer.headers.get("Server", "")


def test_plain_http_is_sent_to_https(instance):
    answer = requests.post(
        f"http://127.0.0.1:{instance.http_port}/cart?a=b", data="x", allow_redirects=False, timeout=20
    )
    assert answer.status_code == 308
    assert answer.headers["Location"] == f"{instance.url}/cart?a=b"


def curl(instance, *arguments):
    return subprocess.run(
        ["curl", "-sS", "--noproxy", "*", "--max-time", "20", "--cacert", str(instance.certificate), *arguments],
        check=True, stdout=subprocess.PIPE, text=True, timeout=30,
    ).stdout


def test_http_2_is_spoken(instance):
    assert curl(instance, "-o", "/dev/null", "-w", "%{http_version}", instance.url + "/livez") == "2"


@pytest.mark.parametrize(
    "version, works",
    [("--tls-max 1.1 --tlsv1.1", False), ("--tls-max 1.2", True), ("--tlsv1.3", True)],
)
def test_only_modern_tls_is_spoken(instance, version, works):
    done = subprocess.run(
        ["curl", "-sS", "-o", "/dev/null", "--cacert", str(instance.certificate),
         *version.split(), instance.url + "/livez"],
        stderr=subprocess.DEVNULL, timeout=30, check=False,
    )
    assert (done.returncode == 0) == works


def test_security_headers_are_on_every_kind_of_answer(anyone, customer, admin, product, instance):
    admin.request(
        "PUT", f"/products/{product['id']}/image", data=pictures.png(), headers={"Content-Type": "image/png"}
    )
    path = f"/products/{product['id']}"
    answers = [
        anyone.get(path), anyone.get(path), anyone.get(path + "/image"), anyone.get("/products"),
        anyone.get(path, headers={"If-None-Match": anyone.get(path).headers["ETag"]}),
        customer.get("/cart"), customer.add(product["id"]), anyone.get("/cart"), customer.get("/products/abc"),
        anyone.get("/nowhere"), anyone.get("/openapi.yaml"), anyone.get("/metrics"), anyone.get("/health"),
        anyone.request("OPTIONS", "/cart"), anyone.request("DELETE", "/health"), anyone.request("HEAD", "/cart"),
        customer.post("/cart", {"x": "y" * 20000}), anyone.get("/products?q=" + "a" * 9000),
        admin.delete(path + "/stock"), customer.post("/products", {}),
    ]
    for answer in answers:
        secured(answer)
    assert len({answer.headers["X-Request-Id"] for answer in answers}) == len(answers)


def test_answers_of_services_tell_how_long_they_took(anyone, customer):
    for answer in (customer.get("/cart"), anyone.get("/cart")):
        assert re.search(r"app;dur=\d+\.\d+, db;dur=\d+\.\d+", answer.headers["Server-Timing"])


def test_errors_of_nginx_itself_are_json(anyone, customer, instance):
    problem(anyone.get("/nowhere"), 404, "NOT_FOUND")
    problem(anyone.get("/nowhere.html"), 404, "NOT_FOUND")
    problem(anyone.post("/openapi.yaml", {}), 405, "METHOD_NOT_ALLOWED")
    problem(customer.post("/cart", {"x": "y" * 20000}), 413, "BODY_TOO_LARGE")
    problem(anyone.get("/products?q=" + "a" * 9000), 414, "URI_TOO_LONG")
    problem(anyone.get("/cart", headers={"X-Long": "a" * 9000}), 431, "HEADERS_TOO_LARGE")


def test_a_plain_request_at_the_tls_port_is_told_so_in_json(instance):
    context = f"http://127.0.0.1:{instance.https_port}/"
    answer = requests.get(context, timeout=20)
    problem(answer, 400, "BAD_REQUEST")


def test_head_is_get_without_the_body(anyone, customer, product):
    for client, path in ((anyone, f"/products/{product['id']}"), (customer, "/cart"), (anyone, "/openapi.yaml")):
        got, head = client.get(path), client.request("HEAD", path)
        assert head.status_code == 200 and head.content == b""
        for name in ("Content-Type", "Content-Length", "ETag"):
            assert head.headers.get(name) == got.headers.get(name), (path, name)


def test_options_and_405_list_what_is_allowed(anyone, customer):
    expected = {
        "/cart": {"GET", "HEAD", "POST", "DELETE", "OPTIONS"},
        "/products": {"GET", "HEAD", "POST", "OPTIONS"},
        "/products/1": {"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"},
        "/auth/login": {"POST", "OPTIONS"},
        "/openapi.yaml": {"GET", "HEAD", "OPTIONS"},
    }
    for path, methods in expected.items():
        answer = anyone.request("OPTIONS", path)
        assert answer.status_code == 204 and answer.content == b""
        assert set(answer.headers["Allow"].split(", ")) == methods, path
    for method, path in (("PUT", "/cart"), ("PATCH", "/products"), ("GET", "/auth/login"), ("PUT", "/openapi.yaml")):
        answer = customer.request(method, path)
        problem(answer, 405, "METHOD_NOT_ALLOWED")
        assert set(answer.headers["Allow"].split(", ")) == expected[path], path


def test_no_origin_may_call_unless_it_is_listed(anyone):
    for method in ("GET", "OPTIONS"):
        headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        answer = anyone.request(method, "/products", headers=headers)
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_public_reads_come_from_the_micro_cache(anyone, product):
    path = f"/products/{product['id']}"
    anyone.get(path)
    assert eventually(lambda: anyone.get(path).headers.get("X-Cache") in ("HIT", "STALE", "UPDATING"))
    assert anyone.get(path).headers["Cache-Control"]


def test_a_change_shows_within_a_moment(anyone, admin, product):
    path = f"/products/{product['id']}"
    anyone.get(path)
    admin.patch(path, {"price": 77})
    eventually(lambda: data(anyone.get(path))["price"] == 77)


def test_answers_to_someone_are_neither_cached_nor_to_be_kept(customer, product):
    answer = customer.get("/cart")
    assert answer.headers["Cache-Control"] == "no-store"
    assert customer.get(f"/products/{product['id']}").headers.get("X-Cache") in (None, "", "BYPASS")


def test_errors_are_not_cached(anyone, admin, instance):
    made = instance.new_product(admin)["id"]
    problem(anyone.get(f"/products/{made}/image"), 404)
    admin.request("PUT", f"/products/{made}/image", data=pictures.png(), headers={"Content-Type": "image/png"})
    assert anyone.get(f"/products/{made}/image").status_code == 200


@pytest.mark.parametrize("path", ["/internal/", "/internal", "/.halle-error", "/INTERNAL/users/events",
                                  "//internal/users/events", "/auth/../internal/users/events",
                                  "/%69nternal/users/events"])
def test_internal_paths_are_not_public(anyone, admin, path):
    for client in (anyone, admin):
        problem(client.post(path, {}), 404, "NOT_FOUND")
        problem(client.get(path), 404, "NOT_FOUND")


def test_headers_that_pass_for_ours_do_not_change_an_answer(customer, product):
    """That they open nothing is tested with every route in test_access.py."""
    answer = customer.get("/cart", headers=SPOOFS)
    assert data(answer)["user_id"] == customer.user_id and answer.headers["X-Request-Id"] != "me"
    assert data(customer.get("/users/profile", headers=SPOOFS))["id"] == customer.user_id
    assert customer.add(product["id"], headers=SPOOFS).status_code == 201
    assert data(customer.get(f"/products/{product['id']}", headers=SPOOFS))["name"] == product["name"]


def test_metrics_are_for_this_machine_only(instance):
    text = (instance.var / "etc/nginx/routes.conf").read_text()
    block = text[text.index("location = /metrics"):].split("}")[0]
    assert re.findall(r"(allow|deny) (\S+);", block) == [("allow", "127.0.0.1"), ("allow", "::1"), ("deny", "all")]


def test_the_contract_is_served(anyone):
    answer = anyone.get("/openapi.yaml")
    assert answer.status_code == 200 and "yaml" in answer.headers["Content-Type"]
    assert answer.content == (ROOT / "openapi.yaml").read_bytes()


def test_the_access_log_is_json_without_secrets(instance, customer):
    customer.get("/products?q=geheim-wort")
    customer.get("/products/%ff%22%0a", headers={"User-Agent": b"\xff\xfe\"x"})
    request_id = customer.get("/cart").headers["X-Request-Id"]
    access = instance.var / "log/access.log"
    line = eventually(lambda: [x for x in access.read_bytes().splitlines() if request_id.encode() in x])[0]
    assert json.loads(line)["path"] == "/cart" and json.loads(line)["status"] == 200
    for line in access.read_bytes().splitlines():
        assert json.loads(line.decode())["door"]
    secrets = (customer.token.split(".")[2], "geheim-wort", PASSWORD)
    for log in (instance.var / "log").glob("*.log"):
        assert not [x for x in secrets if x.encode() in log.read_bytes()], log


def test_a_trace_is_taken_and_a_bad_one_ignored(customer):
    for value in ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "nonsense", "x" * 500):
        assert customer.get("/cart", headers={"traceparent": value}).status_code == 200


# -- an instance with limits on, which is then broken


@pytest.fixture(scope="module")
def limited():
    with private_instance(HALLE_LIMITS="on") as instance:
        yield instance


def test_guessing_passwords_is_slowed_down(limited):
    body = {"username": "admin", "password": "wrong password"}
    client = limited.client()
    statuses = [client.post("/auth/login", body).status_code for _ in range(8)]
    assert statuses[0] == 401 and statuses[-1] == 429
    answer = client.post("/auth/login", body)
    problem(answer, 429, "RATE_LIMITED")
    assert answer.headers["Retry-After"] == "6"


def test_a_service_that_is_gone_answers_502_or_503_in_json(limited):
    client = limited.client()
    limited.stop("users")
    answer = client.get("/users/profile")
    problem(answer, answer.status_code)
    assert answer.status_code in (502, 503)
    secured(answer)
    told = lambda: problem(client.get("/health"), 500, "UNHEALTHY")["services"]
    eventually(lambda: told()["users"] != "up" and told()["products"] == "up")
    problem(client.get("/readyz"), 503, "NOT_READY")


def test_a_service_that_hangs_answers_504_in_json(limited):
    client = limited.client()
    workers = limited.workers("carts")
    for pid in workers:
        kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        answer = client.post("/cart", {}, timeout=60)
        problem(answer, 504, "GATEWAY_TIMEOUT")
        assert time.monotonic() - began < 40
        secured(answer)
    finally:
        for pid in workers:
            kill(pid, signal.SIGCONT)
    eventually(lambda: client.get("/cart/livez").status_code == 200)


def test_too_many_requests_are_told_to_wait(limited):
    def burst(i):
        client = limited.client()
        return [client.get("/products") for _ in range(60)]

    refused = [a for answers in in_threads(6, burst) for a in answers if a.status_code == 429]
    assert refused
    for answer in refused[:5]:
        problem(answer, 429, "RATE_LIMITED")
        assert int(answer.headers["Retry-After"]) >= 1 and "RateLimit" in answer.headers
        secured(answer)
