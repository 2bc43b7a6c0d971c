"""The simulated bank: one outcome per key, whatever becomes of the answer; it misbehaves as told."""

import uuid

import pytest

from harness import data, in_threads, problem
from paying import APPROVED, CVC, DECLINED, FAILS_AFTER, FAILS_BEFORE, LATE, LOST, SLOW, behave, card
from tokens import call


@pytest.fixture(autouse=True)
def well_behaved(admin):
    yield
    behave(admin)


def ask(instance, what, **body):
    return call(instance, "payments", "bank", f"/internal/bank/{what}", body)


def charge(instance, key, number=APPROVED, cents=1000, **more):
    return ask(instance, "charges", key=key, amount_cents=cents, currency="EUR",
               card=card(number, brand="visa"), **more)


def key():
    return str(uuid.uuid4())


def test_a_charge_is_made_once(instance):
    name = key()
    status, first = charge(instance, name)
    assert status == 200 and first["data"]["status"] == "approved" and first["data"]["reference"]
    answers = in_threads(16, lambda _: charge(instance, name))
    assert all(a == (200, first) for a in answers)
    assert charge(instance, name, cents=1001)[0] == 422
    assert len(instance.rows("bank", "SELECT 1 FROM charge WHERE charge_key = %s", uuid.UUID(name).bytes)) == 1
    status, found = ask(instance, "charges/resolve", key=name)
    assert (status, found) == (200, first)


@pytest.mark.parametrize("number", DECLINED)
def test_a_declined_charge_stays_declined(instance, number):
    name = key()
    for n in (number, number, APPROVED):
        status, body = charge(instance, name, n)
        assert (status, body["decline_code"]) == (402, DECLINED[number])
    assert ask(instance, "charges/resolve", key=name)[1]["data"]["status"] == "declined"


@pytest.mark.parametrize("number, status, found", [
    (SLOW, 200, "approved"), (LATE, 200, "approved"), (LOST, 500, "void"),
    (FAILS_BEFORE, 500, "void"), (FAILS_AFTER, 500, "approved"),
])
def test_a_card_decides_what_is_answered_and_what_is_recorded(instance, number, status, found):
    name = key()
    assert charge(instance, name, number)[0] == status
    assert ask(instance, "charges/resolve", key=name)[1]["data"]["status"] == found


def test_a_key_that_was_asked_for_first_is_void_for_ever(instance):
    name = key()
    for _ in range(2):
        assert ask(instance, "charges/resolve", key=name)[1]["data"]["status"] == "void"
    status, body = charge(instance, name)
    assert (status, body["decline_code"]) == (402, "void")


def test_a_charge_and_a_question_at_once_agree(instance):
    """Whoever comes first decides, and both are told so."""
    for _ in range(20):
        name = key()
        (status, _), (_, found) = in_threads(2, lambda i: charge(instance, name) if i == 0 else ask(instance, "charges/resolve", key=name))
        assert (status, found["data"]["status"]) in ((200, "approved"), (402, "void"))


def refund(instance, name, of, cents):
    return ask(instance, "refunds", key=name, charge_key=of, amount_cents=cents)[0]


def test_refunds_never_exceed_the_charge(instance):
    name, first = key(), key()
    charge(instance, name, cents=1000)
    assert [refund(instance, first, name, 400) for _ in range(3)] == [200] * 3
    assert refund(instance, first, name, 401) == 422
    got = in_threads(8, lambda _: refund(instance, key(), name, 200))
    assert sorted(got) == [200] * 3 + [409] * 5
    assert refund(instance, key(), key(), 1) == 409
    row = instance.rows("bank", "SELECT refunded_cents FROM charge WHERE charge_key = %s", uuid.UUID(name).bytes)[0]
    assert row["refunded_cents"] == 1000


@pytest.mark.parametrize("change", [
    {"key": "x"}, {"key": None}, {"amount_cents": 0}, {"amount_cents": -1}, {"amount_cents": "1"}, {"card": None}, {"card": {}},
    {"card": {"number": "1"}}, {"currency": "EURO"},
])
def test_a_bad_charge_is_refused(instance, change):
    before = instance.checksum("bank")
    body = {"key": key(), "amount_cents": 1, "currency": "EUR", "card": card(brand="visa"), **change}
    assert ask(instance, "charges", **body)[0] == 400
    assert instance.checksum("bank") == before


def test_only_payments_may_charge(instance):
    for sender in ("orders", "hallectl", "bank"):
        for path in ("charges", "charges/resolve", "refunds"):
            assert call(instance, sender, "bank", f"/internal/bank/{path}", {})[0] == 403


def test_it_behaves_as_it_is_told(instance, admin):
    behave(admin, down=True)
    name = key()
    assert charge(instance, name)[0] == 503
    behave(admin, failure_rate=100)
    assert [charge(instance, name)[0] for _ in range(8)] == [500] * 8
    behave(admin, latency_ms=50)
    assert charge(instance, name)[0] == 200
    assert data(admin.get("/bank/behaviour")) == {"failure_rate": 0, "latency_ms": 50, "down": False}


@pytest.mark.parametrize("change", [
    {"failure_rate": 101}, {"failure_rate": -1}, {"latency_ms": 10001}, {"down": 1}, {"down": "true"}, {"more": 1}, {"latency_ms": None},
])
def test_a_bad_behaviour_is_refused(instance, admin, change):
    before = instance.checksum("bank")
    problem(admin.put("/bank/behaviour", {"failure_rate": 0, "latency_ms": 0, "down": False, **change}), 400, "VALIDATION_FAILED")
    problem(admin.put("/bank/behaviour", {"down": False}), 400, "VALIDATION_FAILED")
    assert instance.checksum("bank") == before


def test_admins_can_end_a_hanging_bank(instance, admin):
    """However many calls wait there."""
    behave(admin, latency_ms=5000)
    in_threads(32, lambda i: behave(admin.another()) if i == 31 else charge(instance, key()))
    assert charge(instance, key())[0] == 200
    assert CVC
