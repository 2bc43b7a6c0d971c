"""Payments: every outcome that a card number stands for, once and for all."""

import signal
import uuid

import pytest

import tokens
from harness import data, eventually, in_threads, is_running, kill, private_instance, problem
from ordering import Orders
from paying import (
    APPROVED, CVC, DECLINED, FAILS_AFTER, FAILS_BEFORE, LATE, LOST, NUMBERS, SLOW, TWICE, YEAR, behave, card,
    configure, ledgers_agree, new_key, pay, settled,
)


@pytest.fixture(scope="module")
def instance():
    """With a breaker that time-outs of single cards do not open."""
    with private_instance(HALLE_LIMITS="off") as made:
        configure(made, breaker_failures=100, breaker_calls=10000, bank_ms=1400)
        for pid in made.workers("payments"):
            renew(made, pid)
        yield made


def renew(instance, pid):
    kill(pid, signal.SIGTERM)
    eventually(lambda: not is_running(pid), 60)
    eventually(lambda: instance.client().get("/payments/readyz").status_code == 200, 60)


@pytest.fixture(scope="module")
def orders(instance):
    made = Orders(instance)
    yield made
    made.close()


@pytest.fixture(scope="module")
def admin(instance, orders):
    return instance.admin()


@pytest.fixture(scope="module")
def user(instance):
    return instance.new_user()


@pytest.fixture(scope="module")
def stranger(instance):
    return instance.new_user()


def outcome(orders, order_id):
    return [kind for kind, _ in orders.told(order_id)]


# -- outcomes


@pytest.mark.parametrize("number", [APPROVED, "5555555555554444", "378282246310005", SLOW, TWICE])
def test_an_approved_card_pays_the_order_once(instance, orders, user, number):
    order_id, key = orders.new(user, 4350), new_key()
    answer = pay(user, order_id, number, key)
    got = data(answer, 201)
    assert got["status"] == "captured" and got["amount"] == 43.5 and got["currency"] == "EUR"
    assert got["card"] == {"brand": {"4": "visa", "5": "mastercard", "3": "amex"}[number[0]], "last4": number[-4:]}
    assert got["refunded"] == 0 and got["order_id"] == order_id
    assert answer.headers["Location"] == f"/payments/{got['id']}"
    eventually(lambda: outcome(orders, order_id) == ["payment.captured"])
    again = pay(user, order_id, number, key)
    assert data(again, 201) == got and again.headers["Idempotent-Replayed"] == "true"
    assert data(user.get(f"/payments/{got['id']}")) == got
    problem(pay(user, order_id, number, new_key()), 409, "ORDER_NOT_PENDING")
    eventually(lambda: not instance.rows("bank", "SELECT 1 FROM outbox"))
    assert outcome(orders, order_id) == ["payment.captured"]


@pytest.mark.parametrize("number", DECLINED)
def test_a_declined_card_leaves_the_order_to_be_paid(orders, user, number):
    order_id, key = orders.new(user), new_key()
    answer = pay(user, order_id, number, key)
    got = problem(answer, 402, "PAYMENT_DECLINED")
    assert got["decline_code"] == DECLINED[number]
    again = pay(user, order_id, number, key)
    assert problem(again, 402)["payment_id"] == got["payment_id"] and again.headers["Idempotent-Replayed"] == "true"
    shown = data(user.get(f"/payments/{got['payment_id']}"))
    assert (shown["status"], shown["reason"]) == ("declined", DECLINED[number])
    eventually(lambda: outcome(orders, order_id) == ["payment.failed"])
    data(pay(user, order_id), 201)


@pytest.mark.parametrize("number, end", [(LATE, "captured"), (LOST, "failed"), (FAILS_BEFORE, "failed"), (FAILS_AFTER, "captured")])
def test_no_answer_is_unknown_until_the_bank_is_asked(orders, user, number, end):
    order_id, key = orders.new(user), new_key()
    answer = pay(user, order_id, number, key)
    got = data(answer, 202)
    assert got["status"] == "unknown" and answer.headers["Location"] == f"/payments/{got['id']}"
    assert settled(user, got["id"])["status"] == end
    eventually(lambda: outcome(orders, order_id) == [f"payment.{end}"])
    again = pay(user, order_id, number, key)
    assert again.headers["Idempotent-Replayed"] == "true"
    if end == "captured":
        assert data(again, 201)["id"] == got["id"]
    else:
        problem(again, 503, "PROVIDER_UNAVAILABLE")
        data(pay(user, order_id), 201)


# -- once


def test_one_key_in_parallel_is_one_charge(instance, orders, user):
    order_id, key = orders.new(user), new_key()
    clients = [user.another() for _ in range(64)]
    answers = in_threads(64, lambda i: pay(clients[i], order_id, APPROVED, key))
    assert {a.status_code for a in answers} <= {201, 409, 503}
    assert any(a.status_code == 201 for a in answers)
    ids = {a.json()["data"]["id"] for a in answers if a.status_code == 201}
    assert len(ids) == 1
    for a in answers:
        if a.status_code == 409:
            problem(a, 409, "IDEMPOTENCY_KEY_BUSY")
    found = instance.rows("payments", "SELECT HEX(id) AS id FROM payment WHERE order_id = %s", order_id)
    assert len(found) == 1
    charges = instance.rows("bank", "SELECT outcome FROM charge WHERE charge_key = UNHEX(%s)", found[0]["id"])
    assert [c["outcome"] for c in charges] == ["approved"]


def test_different_keys_for_one_order_capture_once(instance, orders, user):
    order_id = orders.new(user)
    clients = [user.another() for _ in range(32)]
    answers = in_threads(32, lambda i: pay(clients[i], order_id, APPROVED, new_key()))
    assert sum(a.status_code == 201 for a in answers) == 1
    assert {a.status_code for a in answers} <= {201, 409, 503}
    rows = instance.rows("payments", "SELECT state FROM payment WHERE order_id = %s AND state = 'captured'", order_id)
    assert len(rows) == 1


def test_the_database_itself_refuses_a_second_captured_payment(instance, orders, user):
    order_id = orders.new(user)
    data(pay(user, order_id), 201)
    row = "INSERT INTO payment (id, order_id, user_id, amount_cents, state, card_brand, card_last4, fingerprint)" \
          " VALUES (%s, %s, 1, 1, 'captured', 'visa', '4242', REPEAT('x', 32))"
    with pytest.raises(Exception, match="captured_order"):
        instance.rows("payments", row, uuid.uuid4().bytes, order_id)


def test_a_second_charge_of_an_order_goes_back(instance, orders, user):
    """Should orders ever let two payments begin, the constraint holds and the money is returned."""
    order_id = orders.new(user)
    data(pay(user, order_id), 201)
    with orders.lock:
        orders.orders[order_id].update(state="pending", payment=None)
    problem(pay(user, order_id), 500)
    found = lambda: instance.rows(
        "payments", "SELECT amount_cents, refunded_cents FROM payment WHERE order_id = %s AND reason = 'DUPLICATE'", order_id
    )
    eventually(lambda: found() and found()[0]["amount_cents"] == found()[0]["refunded_cents"])
    instance.rows("payments", "DELETE FROM refund WHERE payment_id IN (SELECT id FROM payment WHERE reason = 'DUPLICATE')")
    key = instance.rows("payments", "SELECT id FROM payment WHERE reason = 'DUPLICATE'")[0]["id"]
    assert instance.rows("bank", "SELECT refunded_cents FROM charge WHERE charge_key = %s", key)[0]["refunded_cents"] == 2599
    instance.rows("payments", "DELETE FROM payment WHERE reason = 'DUPLICATE'")
    instance.rows("bank", "DELETE FROM charge WHERE charge_key = %s", key)


def test_a_key_belongs_to_its_request(orders, user, stranger):
    order_id, key = orders.new(user), new_key()
    data(pay(user, order_id, APPROVED, key), 201)
    problem(pay(user, order_id, SLOW, key), 422, "IDEMPOTENCY_KEY_REUSED")
    problem(pay(user, orders.new(user), APPROVED, key), 422, "IDEMPOTENCY_KEY_REUSED")
    problem(pay(user, order_id, APPROVED, key, exp_month=11), 422, "IDEMPOTENCY_KEY_REUSED")
    data(pay(stranger, orders.new(stranger), APPROVED, key), 201)


# -- orders


def test_what_orders_refuses_is_refused_alike_twice(orders, user, stranger):
    for order_id in (orders.new(stranger), 999999999):
        key = new_key()
        problem(pay(user, order_id, APPROVED, key), 404, "ORDER_NOT_FOUND")
        again = pay(user, order_id, APPROVED, key)
        problem(again, 404, "ORDER_NOT_FOUND")
        assert again.headers["Idempotent-Replayed"] == "true"
    lines = [{"product_id": 7, "requested": 3, "available": 1}]
    refusal = {"success": False, "error": {"code": "OUT_OF_STOCK", "message": "x"}, "lines": lines}
    orders.trouble = lambda *_: (409, refusal)
    key, order_id = new_key(), orders.new(user)
    try:
        assert problem(pay(user, order_id, APPROVED, key), 409, "OUT_OF_STOCK")["lines"] == lines
    finally:
        orders.trouble = None
    assert problem(pay(user, order_id, APPROVED, key), 409, "OUT_OF_STOCK")["lines"] == lines
    assert outcome(orders, order_id) == []


@pytest.mark.parametrize("status", [500, 503, 400])
def test_orders_that_cannot_answer_costs_nothing(instance, orders, user, status):
    order_id = orders.new(user)
    orders.trouble = lambda *_: (status, {"success": False})
    try:
        got = problem(pay(user, order_id), 503, "SERVICE_UNAVAILABLE")
    finally:
        orders.trouble = None
    assert data(user.get(f"/payments/{got['payment_id']}"))["status"] == "failed"
    eventually(lambda: outcome(orders, order_id) == ["payment.failed"])
    data(pay(user, order_id), 201)


# -- input

GOOD = {"order_id": 1, "card": card()}
BAD_CARDS = [
    ({"number": "4242424242424241"}, "#/card/number", "format"),
    ({"number": "42424242424"}, "#/card/number", "format"),
    ({"number": "0000000000000000"}, "#/card/number", "format"),
    ({"number": "4242 4242 4242 4242"}, "#/card/number", "format"),
    ({"number": "4" * 65}, "#/card/number", "max_length"),
    ({"number": 4242424242424242}, "#/card/number", "type"),
    ({"number": None}, "#/card/number", "type"),
    ({"exp_month": 0}, "#/card/exp_month", "min"),
    ({"exp_month": 13}, "#/card/exp_month", "max"),
    ({"exp_month": "12"}, "#/card/exp_month", "type"),
    ({"exp_year": 2001}, "#/card/exp_year", "min"),
    ({"exp_year": 12345}, "#/card/exp_year", "max"),
    ({"cvc": "12"}, "#/card/cvc", "format"),
    ({"cvc": "12345"}, "#/card/cvc", "format"),
    ({"cvc": "12a"}, "#/card/cvc", "format"),
    ({"cvc": 123}, "#/card/cvc", "type"),
    ({"holder": "Ada"}, "#/card/holder", "unknown"),
    ({APPROVED: 1}, "#/card", "unknown"),
]


@pytest.mark.parametrize("change, where, code", BAD_CARDS)
def test_a_bad_card_is_refused_by_field(instance, orders, user, change, where, code):
    before = instance.checksum("payments", "bank")
    order_id, begins = orders.new(user), orders.begins
    answer = user.post("/payments", {"order_id": order_id, "card": card(**change) if "number" in change or len(change) else card()})
    found = problem(answer, 400, "VALIDATION_FAILED")["errors"]
    assert [(e["pointer"], e["code"]) for e in found] == [(where, code)]
    assert CVC not in answer.text and "42424242" not in answer.text
    assert orders.begins == begins and instance.checksum("payments", "bank") == before


@pytest.mark.parametrize("body, where", [
    ({}, {"#/order_id", "#/card"}),
    ({"order_id": 1}, {"#/card"}),
    ({"card": card()}, {"#/order_id"}),
    ({"order_id": 0, "card": card()}, {"#/order_id"}),
    ({"order_id": "1", "card": card()}, {"#/order_id"}),
    ({"order_id": -1, "card": card("1")}, {"#/order_id", "#/card/number"}),
    ({"order_id": 1, "card": None}, {"#/card"}),
    ({"order_id": 1, "card": []}, {"#/card"}),
    ({"order_id": 1, "card": "x"}, {"#/card"}),
    ({"order_id": 1, "card": {}}, {"#/card/number", "#/card/exp_month", "#/card/exp_year", "#/card/cvc"}),
    ({**GOOD, "amount": 1}, {"#/amount"}),
])
def test_a_bad_body_is_refused_by_field(instance, user, body, where):
    before = instance.checksum("payments", "bank")
    found = problem(user.post("/payments", body), 400, "VALIDATION_FAILED")["errors"]
    assert {e["pointer"] for e in found} == where
    assert instance.checksum("payments", "bank") == before


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b'{"order_id":1,"order_id":1}', b'{"card":{"number":"\xff"}}'])
def test_a_body_that_is_no_json_is_refused(user, text):
    answer = user.request("POST", "/payments", data=text, headers={"Content-Type": "application/json"})
    problem(answer, 400, "MALFORMED_JSON")


# -- reading


def test_payments_are_listed_newest_first_and_own_only(orders, admin, user, stranger):
    order_id = orders.new(user)
    problem(pay(user, order_id, "4000000000009995"), 402)
    eventually(lambda: outcome(orders, order_id))
    last = data(pay(user, order_id), 201)
    found = data(user.get(f"/payments?order_id={order_id}"))
    assert [p["status"] for p in found] == ["captured", "declined"]
    assert data(stranger.get(f"/payments?order_id={order_id}")) == []
    problem(stranger.get(f"/payments/{last['id']}"), 404, "PAYMENT_NOT_FOUND")
    problem(user.get("/payments/999999999"), 404, "PAYMENT_NOT_FOUND")
    assert data(admin.get(f"/payments/{last['id']}")) == last
    assert len(data(admin.get(f"/payments?order_id={order_id}"))) == 2
    page = user.get("/payments?limit=1").json()
    assert [p["id"] for p in page["data"]] == [last["id"]]
    following = user.get("/payments", params={"limit": 1, "cursor": page["next_cursor"]}).json()["data"]
    assert following[0]["id"] == found[1]["id"]
    for query in ("order_id=0", "order_id=x", "limit=0", "limit=101", "cursor=x", "state=1"):
        problem(user.get("/payments?" + query), 400, "VALIDATION_FAILED")


# -- refunds


def refund(admin, payment, key=None, **body):
    return admin.post(f"/payments/{payment['id']}/refund", body, headers={"Idempotency-Key": key} if key else {})


def test_refunds_in_parts_never_exceed_the_payment(orders, admin, user):
    order_id = orders.new(user, 1000)
    payment, key = data(pay(user, order_id), 201), new_key()
    problem(refund(user, payment), 403, "FORBIDDEN")
    first = data(refund(admin, payment, key, amount=2.5), 201)
    assert (first["amount"], first["refunded"], first["status"]) == (2.5, 2.5, "done")
    again = refund(admin, payment, key, amount=2.5)
    assert data(again, 201)["id"] == first["id"] and again.headers["Idempotent-Replayed"] == "true"
    problem(refund(admin, payment, key, amount=2.6), 422, "IDEMPOTENCY_KEY_REUSED")
    problem(refund(admin, payment, key), 422, "IDEMPOTENCY_KEY_REUSED")
    assert problem(refund(admin, payment, amount=7.51), 409, "REFUND_TOO_LARGE")["refundable"] == 7.5
    clients = [admin.another() for _ in range(16)]
    got = in_threads(16, lambda i: refund(clients[i], payment, amount=1.5))
    assert sum(a.status_code == 201 for a in got) <= 5 and {a.status_code for a in got} <= {201, 409, 503}
    rest = refund(admin, payment)
    assert rest.status_code in (201, 409)
    assert problem(refund(admin, payment), 409, "REFUND_TOO_LARGE")["refundable"] == 0
    assert data(user.get(f"/payments/{payment['id']}"))["refunded"] == 10
    eventually(lambda: orders.orders[order_id]["refunded"] == 1000)


def test_a_refund_needs_a_captured_payment(orders, admin, user):
    order_id = orders.new(user)
    declined = problem(pay(user, order_id, "4000000000009995"), 402)["payment_id"]
    problem(refund(admin, {"id": declined}), 409, "PAYMENT_NOT_CAPTURED")
    problem(refund(admin, {"id": 999999999}), 404, "PAYMENT_NOT_FOUND")
    for amount in (0, -1, 0.001, "1", None):
        problem(refund(admin, {"id": declined}, amount=amount), 400, "VALIDATION_FAILED")


@pytest.mark.parametrize("trouble", [{"failure_rate": 100}, {"down": True}, {"latency_ms": 2500}])
def test_a_refund_that_the_bank_did_not_answer_is_ended_later(orders, admin, user, trouble):
    """It was decided when it was written: it is asked for until the bank answers, and goes back once."""
    order_id = orders.new(user, 1000)
    payment = data(pay(user, order_id), 201)
    behave(admin, **trouble)
    try:
        assert data(refund(admin, payment, amount=4), 202)["status"] == "unknown"
        problem(refund(admin, payment, amount=7), 409, "REFUND_TOO_LARGE")
    finally:
        behave(admin)
    ended = lambda: not refunds_open(orders, admin)
    eventually(ended, 60)
    assert data(user.get(f"/payments/{payment['id']}"))["refunded"] == 4
    assert data(refund(admin, payment), 201)["refunded"] == 10


def refunds_open(orders, admin):
    return admin.instance.rows("payments", "SELECT 1 FROM refund WHERE state IN ('initiated', 'unknown')")


def test_orders_sends_the_rest_back_once(instance, orders, admin, user):
    order_id = orders.new(user, 1000)
    payment = data(pay(user, order_id), 201)
    data(refund(admin, payment, amount=1), 201)
    event = str(uuid.uuid4())
    body = {"payment_id": payment["uuid"], "order_id": order_id}
    for _ in range(3):
        assert tokens.tell(instance, "orders", "payments", "order.refund", body, event) == 204
    assert tokens.tell(instance, "orders", "payments", "order.refund", body) == 204
    eventually(lambda: data(user.get(f"/payments/{payment['id']}"))["refunded"] == 10)
    assert tokens.tell(instance, "carts", "payments", "order.refund", body) == 403
    assert tokens.tell(instance, "bank", "payments", "order.refund", body) == 400
    assert tokens.tell(instance, "orders", "payments", "order.refund", {"payment_id": "x"}) == 400


def test_what_the_bank_tells_again_changes_nothing(instance, orders, user):
    """Not even when it is something else."""
    order_id = orders.new(user)
    payment = data(pay(user, order_id), 201)
    for status in ("approved", "declined"):
        told = {"key": payment["uuid"], "status": status, "decline_code": "late", "reference": None, "amount_cents": 1}
        assert tokens.tell(instance, "bank", "payments", "charge.settled", told) == 204
    assert data(user.get(f"/payments/{payment['id']}")) == payment
    eventually(lambda: outcome(orders, order_id) == ["payment.captured"])


# -- at the end


def test_both_ledgers_agree(instance, orders, user):
    ledgers_agree(instance)
    captured = instance.rows("payments", "SELECT order_id FROM payment WHERE state = 'captured'")
    states = {k: o["state"] for k, o in orders.orders.items()}
    assert {k for k, s in states.items() if s == "paid"} <= {r["order_id"] for r in captured}


def test_no_number_and_no_cvc_is_kept_anywhere(instance, orders, user):
    """Neither in a log, nor in a table, nor in the counters, whatever became of the payment."""
    needles = {n.encode() for n in NUMBERS} | {CVC.encode()}
    for number in NUMBERS:
        pay(user, orders.new(user), number)
    user.request("POST", "/payments", data=b'{"order_id": 1, "card": {"number": "4242424242424242"', headers={"Content-Type": "application/json"})
    for service in ("payments", "bank", "orders"):
        tables = [next(iter(row.values())) for row in instance.rows(service, "SHOW TABLES")]
        for table in tables:
            for row in instance.rows(service, f"SELECT * FROM `{table}`"):
                for column, value in row.items():
                    if column in ("id", "fingerprint", "charge_key", "refund_key", "reference", "bank_reference"):
                        continue
                    text = value if isinstance(value, bytes) else str(value).encode()
                    assert not any(n in text for n in needles if n != CVC.encode()), (table, column)
                    # four digits may stand anywhere; a CVC would stand alone or in quotes
                    assert isinstance(value, int) or text != CVC.encode(), (table, column)
                    assert b'"%s"' % CVC.encode() not in text, (table, column)
    numbers = [n for n in needles if n != CVC.encode()]
    for path in [p for p in instance.var.rglob("*") if p.is_file() and p.parent.name in ("log", "metrics", "run")]:
        content = path.read_bytes()
        assert not any(n in content for n in numbers), path
    assert not list(instance.var.rglob("core*"))
    told = [line for line in instance.client().get("/metrics").text.splitlines()
            if line.startswith(("halle_b", "halle_payment")) or 'service="payments"' in line or 'service="bank"' in line]
    assert YEAR and told and CVC not in " ".join(told).replace(".", " ").split()
    for path in (instance.var / "log").glob("*.log"):
        assert b'"%s"' % CVC.encode() not in path.read_bytes(), path
