"""hallectl audit's comparison, fed with rows as the services' audit pages have them."""

import copy
import sys

import pytest

from harness import ROOT

sys.path.insert(0, str(ROOT))
from hallectl import books  # noqa: E402

OLD, YOUNG = 1000, 5


def order(number, status, payment_state="none", payment_id=None, **more):
    return {"order_id": number, "status": status, "total_cents": 500, "lines_total_cents": 500,
            "reservation_id": f"r{number}", "lines": [{"product_id": 7, "quantity": 2}],
            "payment_id": payment_id, "payment_state": payment_state, "age_s": OLD, **more}


def reservation(number, state):
    return {"reservation_id": f"r{number}", "state": state, "lines": [{"product_id": 7, "quantity": 2}]}


def payment(number, state, refunds=(), order_id=None, **more):
    return {"number": number, "payment_id": f"p{number}", "order_id": order_id or number, "state": state,
            "amount_cents": 500, "refunded_cents": sum(refunds), "age_s": OLD,
            "refunds": [{"refund_id": f"f{i}", "amount_cents": c, "state": "done"} for i, c in enumerate(refunds)],
            **more}


def charge(number, outcome, refunded=0):
    return {"key": f"p{number}", "amount_cents": 500, "outcome": outcome, "refunded_cents": refunded}


SOUND = {
    "orders": [
        order(1, "pending"), order(2, "paid", "captured", "p2"), order(3, "shipped", "partially_refunded", "p3"),
        order(4, "cancelled", "refunded", "p4"), order(5, "expired"), order(6, "pending", "started", "p6"),
        order(8, "expired", lines=[{"product_id": 7, "quantity": 1}] * 2), order(9, "delivered", "refunded", "p9"),
    ],
    "products": [
        reservation(1, "held"), reservation(2, "committed"), reservation(3, "committed"), reservation(4, "released"),
        reservation(5, "released"), reservation(6, "held"), reservation(8, "expired"), reservation(9, "committed"),
        reservation(100, "held"),  # its order was not made; it will expire
    ],
    "payments": [
        payment(2, "captured"), payment(3, "captured", (100, 50)), payment(4, "captured", (500,)),
        payment(6, "unknown", amount_cents=500), payment(7, "declined", order_id=2), payment(8, "failed"),
        payment(9, "captured", (500,)), payment(10, "failed", order_id=99, amount_cents=None),
    ],
    "bank": [charge(2, "approved"), charge(3, "approved", 150), charge(4, "approved", 500), charge(7, "declined"),
             charge(8, "void"), charge(9, "approved", 500)],
}


def findings(rows, wrong=()):
    filled = books.Books()
    for service, listed in rows.items():
        filled.take(service, {"rows": listed, "wrong": [w for s, w in wrong if s == service], "next": None})
    return books.findings(filled)


def changed(service, key, **to):
    """The sound rows with one changed, or taken away."""
    rows = copy.deepcopy(SOUND)
    name = {"orders": "order_id", "products": "reservation_id", "payments": "payment_id", "bank": "key"}[service]
    row = next(row for row in rows[service] if row[name] == key)
    if to:
        row.update(to)
    else:
        rows[service].remove(row)
    return rows


def test_sound_books_have_no_finding():
    assert findings(SOUND) == []


@pytest.mark.parametrize("service, key, to, what, ids", [
    ("orders", 1, {"lines_total_cents": 501}, "the lines do not add up to the total", {"order_id": 1}),
    ("orders", 2, {"total_cents": 600, "lines_total_cents": 600}, "captured is not the order's total", {"order_id": 2}),
    ("orders", 2, {"payment_id": "p8"}, "paid, but nothing was captured for it", {"order_id": 2}),
    ("orders", 3, {"payment_state": "captured"}, "the order does not know what was refunded", {"order_id": 3}),
    ("orders", 2, {"status": "expired", "payment_state": "none"}, "money is kept for nothing", {"payment_id": "p2"}),
    ("orders", 2, {"status": "pending"}, "money is kept for nothing", {"kept_cents": 500}),
    ("orders", 2, None, "captured for an order that is not there", {"payment_id": "p2"}),
    ("orders", 6, {"payment_id": "p8"}, "the order waits for a payment that is over", {"order_id": 6}),
    ("orders", 1, {"lines": [{"product_id": 7, "quantity": 3}]}, "the order and its reservation have other lines",
     {"reservation_id": "r1"}),
    ("products", "r2", {"lines": [{"product_id": 8, "quantity": 2}]}, "the order and its reservation have other lines",
     {"order_id": 2}),
    ("products", "r2", {"state": "held"}, "the reservation does not fit the order", {"order_id": 2}),
    ("products", "r2", None, "the reservation does not fit the order", {"reservation": "none"}),
    ("products", "r1", {"state": "committed"}, "the reservation does not fit the order", {"status": "pending"}),
    ("products", "r1", {"state": "released"}, "the reservation does not fit the order", {"reservation_id": "r1"}),
    ("products", "r5", {"state": "held"}, "the reservation does not fit the order", {"status": "expired"}),
    ("products", "r4", {"state": "committed"}, "the reservation does not fit the order", {"order_id": 4}),
    ("products", "r100", {"state": "committed"}, "stock is sold for no order", {"reservation_id": "r100"}),
    ("payments", "p3", {"refunds": []}, "the refunds are not what was refunded", {"payment_id": "p3"}),
    ("payments", "p2", None, "the bank charged for no payment", {"key": "p2"}),
    ("payments", "p7", {"state": "captured"}, "the bank says otherwise", {"outcome": "declined"}),
    ("payments", "p8", {"state": "unknown"}, "the bank says otherwise", {"outcome": "void"}),
    ("bank", "p2", None, "the bank does not know the payment", {"payment_id": "p2"}),
    ("bank", "p7", None, "the bank does not know the payment", {"payment_id": "p7"}),
    ("bank", "p8", {"outcome": "approved"}, "the bank says otherwise", {"payment_id": "p8"}),
    ("bank", "p2", {"amount_cents": 400}, "the bank charged another amount", {"bank_cents": 400}),
    ("bank", "p3", {"refunded_cents": 100}, "the bank refunded another amount", {"bank_cents": 100}),
])
def test_what_is_wrong_is_named(service, key, to, what, ids):
    found = findings(changed(service, key, **(to or {})))
    named = [f for f in found if f.what == what]
    assert len(named) == 1 and dict(named[0].ids).items() >= ids.items(), found
    assert all(str(v) in named[0].text() for v in ids.values())
    number = str(key).strip("pr")
    for other in found:  # and nobody else is blamed
        assert number in {str(value).strip("pr") for _, value in other.ids}, other


@pytest.mark.parametrize("service, key, to", [
    ("orders", 2, {"status": "pending", "payment_state": "started", "age_s": YOUNG}),  # the event is on its way
    ("products", "r2", {"state": "held"}), ("products", "r5", {"state": "held"}),
])
def test_what_is_young_may_be_on_its_way(service, key, to):
    rows = changed(service, key, **to)
    for row in rows["orders"]:
        row["age_s"] = YOUNG
    assert findings(rows) == []


def test_a_payment_is_resolved_within_a_minute():
    rows = changed("payments", "p2", state="unknown", age_s=YOUNG)
    assert findings(rows) == []
    assert [f.what for f in findings(changed("payments", "p2", state="unknown"))] == [
        "paid, but nothing was captured for it", "the bank says otherwise"]


def test_a_refund_under_way_is_no_finding():
    rows = changed("payments", "p2", refunds=[{"refund_id": "f", "amount_cents": 500, "state": "unknown"}])
    next(c for c in rows["bank"] if c["key"] == "p2")["refunded_cents"] = 500
    assert findings(rows) == []


def test_what_the_services_find_wrong_is_told():
    found = findings(SOUND, [("products", {"what": "stock", "product_id": 7, "stock": 3, "ledger_stock": 4})])
    assert [f.text() for f in found] == ["products: stock: product_id=7 stock=3 ledger_stock=4"]
