"""What tests of payments share: cards, posts, and the comparison of both ledgers."""

import datetime
import uuid

from harness import data, eventually
from tokens import call

APPROVED = "4242424242424242"
DECLINED = {
    "4000000000009995": "insufficient_funds",
    "4000000000000069": "card_expired",
    "4000000000009979": "stolen_card",
}
SLOW, LATE, LOST = "4000000000000077", "4000000000000044", "4000000000000036"
FAILS_BEFORE, FAILS_AFTER, TWICE = "4000000000000119", "4000000000000127", "4000000000000101"
NUMBERS = [APPROVED, *DECLINED, SLOW, LATE, LOST, FAILS_BEFORE, FAILS_AFTER, TWICE]
CVC = "7391"
YEAR = datetime.date.today().year + 3


def card(number=APPROVED, **more):
    return {"number": number, "exp_month": 12, "exp_year": YEAR, "cvc": CVC, **more}


def pay(client, order_id, number=APPROVED, key=None, **more):
    headers = {"Idempotency-Key": key} if key else {}
    return client.post("/payments", {"order_id": order_id, "card": card(number, **more)}, headers=headers)


def new_key():
    return uuid.uuid4().hex


def settled(client, number, seconds=30):
    """The payment, once it is final."""

    def final():
        got = data(client.get(f"/payments/{number}"))
        return got if got["status"] in ("captured", "declined", "failed") else None

    return eventually(final, seconds)


def pages(instance, service):
    """All rows of a service's audit; nothing may be wrong."""
    after, rows = 0, []
    while after is not None:
        status, body = call(instance, "hallectl", service, f"/internal/{service}/audit", {"after": after, "limit": 100})
        assert status == 200, body
        assert body["data"]["wrong"] == []
        rows += body["data"]["rows"]
        after = body["data"]["next"]
    return rows


def everything_ended(instance):
    return not instance.rows("payments", "SELECT 1 FROM payment WHERE state IN ('initiated', 'unknown') LIMIT 1") and not (
        instance.rows("payments", "SELECT 1 FROM refund WHERE state IN ('initiated', 'unknown') LIMIT 1")
    ) and not instance.rows("payments", "SELECT 1 FROM outbox LIMIT 1")


def ledgers_agree(instance, seconds=60):
    """When everything has ended: what the bank approved is captured, by key, amount and refunds, both ways."""
    eventually(lambda: everything_ended(instance), seconds)
    ours = {r["payment_id"]: r for r in pages(instance, "payments")}
    theirs = {r["key"]: r for r in pages(instance, "bank")}
    captured = {k: (r["amount_cents"], r["refunded_cents"]) for k, r in ours.items() if r["state"] == "captured"}
    approved = {k: (r["amount_cents"], r["refunded_cents"]) for k, r in theirs.items() if r["outcome"] == "approved"}
    assert captured == approved
    assert set(theirs) <= set(ours)
    paid = [r["order_id"] for r in ours.values() if r["state"] == "captured"]
    assert len(paid) == len(set(paid))
    return ours, theirs


def behave(admin, failure_rate=0, latency_ms=0, down=False):
    body = {"failure_rate": failure_rate, "latency_ms": latency_ms, "down": down}
    assert data(admin.put("/bank/behaviour", body)) == body


def configure(instance, **settings):
    """More lines for halle.conf; the workers of payments start anew."""
    conf = instance.var / "etc/halle.conf"
    lines = [line for line in conf.read_text().splitlines() if line.split(" =")[0] not in settings]
    conf.write_text("\n".join(lines + [f"{k} = {v}" for k, v in settings.items()]) + "\n")
