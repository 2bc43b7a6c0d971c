"""hallectl audit on a shop: every equation broken by hand is named, and nothing else; a busy shop has no finding."""

import contextlib
import os
import re
import threading

import pytest

import ctl
from checkout import buyers, items, order, pay, persist, settled
from harness import PATIENT, data, eventually, private_instance, problem
from test_hallectl_route import post

REPORT = "/internal/orders/audit-report"
DECLINED = "4000000000009995"


@pytest.fixture(scope="module")
def shop():
    """An instance of its own: what is broken here must not be seen elsewhere."""
    with private_instance(HALLE_LIMITS="off", **PATIENT) as made:
        yield made


@pytest.fixture(scope="module")
def books(shop):
    """An order of each kind, as a shop of yesterday has them; {kind: order id}."""
    admin = shop.admin()
    product = shop.new_product(admin, price=25, storage_quantity=100)["id"]
    found = {}

    def bought(kind, number=None):
        buyer, = buyers(shop, 1)
        found[kind] = data(order(buyer, items((product, 2))), 201)["id"]
        if number:
            return persist(lambda: pay(buyer, found[kind], number))
        return buyer

    bought("pending")
    assert bought("paid", "4242424242424242").status_code == 201
    half = data(bought("half", "4242424242424242"), 201)
    persist(lambda: admin.post(f"/payments/{half['id']}/refund", {"amount": 10}, headers={"Idempotency-Key": "h"}))
    assert bought("declined", DECLINED).status_code == 402
    bought("cancelled", "4242424242424242")
    data(admin.post(f"/orders/{found['cancelled']}/cancel"))
    buyer = bought("given up")
    data(buyer.post(f"/orders/{found['given up']}/cancel"))
    settled(shop)
    eventually(lambda: data(admin.get(f"/orders/{found['half']}"))["payment"]["state"] == "partially_refunded")
    with shop.database("orders") as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE orders SET updated_at = updated_at - INTERVAL 1 HOUR")
    with shop.database("payments") as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE payment SET created_at = created_at - INTERVAL 1 HOUR,"
                       " updated_at = updated_at - INTERVAL 1 HOUR")
    found["product"] = product
    return found


def audit(shop, *options, **how):
    return ctl.run(ctl.config_of(shop), "audit", *options, **how)


def execute(shop, service, sql, *arguments):
    with shop.database(service) as connection, connection.cursor() as cursor:
        return cursor.execute(sql, arguments)


@contextlib.contextmanager
def spoilt(shop, service, table, where, key, **changes):
    """Some columns of one row otherwise, and as they were afterwards."""
    names = ", ".join(changes)
    row, = shop.rows(service, f"SELECT {names} FROM {table} WHERE {where}", key)
    assignments = ", ".join(f"{name} = {value}" for name, value in changes.items())
    assert execute(shop, service, f"UPDATE {table} SET {assignments} WHERE {where}", key) == 1
    try:
        yield
    finally:
        back = ", ".join(f"{name} = %s" for name in row)
        execute(shop, service, f"UPDATE {table} SET {back} WHERE {where}", *row.values(), key)


def ids_of(shop, order_id):
    """Everything by which a finding may name an order."""
    row, = shop.rows("orders", "SELECT reservation_id, payment_id FROM orders WHERE id = %s", order_id)
    return {f"order_id={order_id}", *(str(uuid_text(raw)) for raw in row.values() if raw)}


def uuid_text(raw):
    text = raw.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


ORDER, PAYMENT, CHARGE = "id = %s", "order_id = %s", "charge_key = %s"
BREAKS = [  # what, kind of order, service, table, where, changes
    ("the lines do not add up", "paid", "orders", "order_line", "order_id = %s", {"unit_cents": "unit_cents + 1"}),
    ("captured is not the order's total", "paid", "payments", "payment", PAYMENT, {"amount_cents": 1}),
    ("the bank charged another amount", "paid", "bank", "charge", CHARGE, {"amount_cents": 4999}),
    ("the bank refunded another amount", "half", "bank", "charge", CHARGE, {"refunded_cents": 0}),
    ("refunded_cents is not the sum", "half", "bank", "charge", CHARGE, {"refunded_cents": 0}),
    ("the bank says otherwise", "paid", "bank", "charge", CHARGE, {"outcome": "'declined'", "reference": "NULL"}),
    ("the bank says otherwise", "declined", "bank", "charge", "pay", {"outcome": "'approved'", "reference": "'x'"}),
    ("the refunds are not what was refunded", "half", "payments", "payment", PAYMENT, {"refunded_cents": 1}),
    ("money is kept for nothing", "paid", "orders", "orders", ORDER, {"status": "'cancelled'"}),
    ("money is kept for nothing", "cancelled", "payments", "payment", PAYMENT, {"refunded_cents": 1}),
    ("paid, but nothing was captured", "paid", "payments", "payment", PAYMENT, {"state": "'failed'"}),
    ("the order does not know what was refunded", "half", "orders", "orders", ORDER, {"payment_state": "'captured'"}),
    ("the reservation does not fit", "paid", "products", "reservation", "stock", {"state": "'released'"}),
    ("the reservation does not fit", "given up", "products", "reservation", "stock", {"state": "'committed'"}),
    ("the order and its reservation have other lines", "pending", "products", "reservation_line", "lines",
     {"quantity": 3}),
    ("the order and its reservation have other lines", "paid", "orders", "order_line", "order_id = %s",
     {"quantity": 1}),
]


def place(shop, kind, where, books):
    """The condition and its key."""
    order_id = books[kind]
    row, = shop.rows("orders", "SELECT reservation_id, payment_id FROM orders WHERE id = %s", order_id)
    if where == "stock":
        return "id = %s", row["reservation_id"]
    if where == "lines":
        return "reservation_id = %s", row["reservation_id"]
    if where in (CHARGE, "pay"):
        paid, = shop.rows("payments", "SELECT id FROM payment WHERE order_id = %s", order_id)
        return CHARGE, paid["id"]
    return where, order_id


def test_a_sound_shop_has_no_finding(shop, books):
    code, out, err = audit(shop)
    assert (code, err) == (0, "")
    assert re.search(r"6 orders, 6 reservations, 4 payments, 4 charges: 0 findings in [0-9.]+ s\.\n$", out), out
    assert audit(shop, "--quiet") == (0, "", "")
    assert "6 commandes" in audit(shop, language="fr_FR.UTF-8")[1]


@pytest.mark.parametrize("what, kind, service, table, where, changes", BREAKS)
def test_what_is_broken_by_hand_is_named(shop, books, what, kind, service, table, where, changes):
    where, key = place(shop, kind, where, books)
    names = ids_of(shop, books[kind]) | {uuid_text(row["id"]) for row in shop.rows(
        "payments", "SELECT id FROM payment WHERE order_id = %s", books[kind])}
    number = shop.rows("payments", "SELECT number FROM payment WHERE order_id = %s", books[kind])
    names |= {f"number={row['number']}" for row in number}
    names.add(f"product_id={books['product']}")
    with spoilt(shop, service, table, where, key, **changes):
        if table == "orders":  # it is old news
            execute(shop, service, "UPDATE orders SET updated_at = updated_at - INTERVAL 1 HOUR WHERE id = %s", key)
        code, out, err = audit(shop, "--quiet")
    lines = err.splitlines()
    assert code == 1 and any(line.startswith(what) or what in line for line in lines), err
    assert all(any(name in line for name in names) for line in lines), err
    assert f"{len(lines)} finding" in out
    assert audit(shop, "--quiet") == (0, "", "")


def test_a_ledger_without_its_stock_is_named(shop, books):
    with spoilt(shop, "products", "product", "id = %s", books["product"], storage_quantity="storage_quantity + 1"):
        code, _, err = audit(shop, "--quiet")
    assert code == 1 and f"product_id={books['product']}" in err and len(err.splitlines()) == 1, err


def test_a_charge_for_no_payment_is_named(shop, books):
    execute(shop, "bank", "INSERT INTO charge (charge_key, amount_cents, currency, outcome, reference)"
                          " VALUES (%s, 5, 'EUR', 'approved', 'x')", b"\1" * 16)
    try:
        code, _, err = audit(shop, "--quiet")
    finally:
        execute(shop, "bank", "DELETE FROM charge WHERE charge_key = %s", b"\1" * 16)
    assert code == 1 and len(err.splitlines()) == 1
    assert err.startswith("the bank charged for no payment: key=01010101-0101-"), err


def gauge(shop, name):
    return shop.metric(f"halle_audit_{name}", "orders")


def test_the_metric_tells_how_many(shop, books):
    assert audit(shop, "--quiet", "--report")[0] == 0
    assert gauge(shop, "wrong") == 0 and gauge(shop, "timestamp_seconds") > 1.7e9
    with spoilt(shop, "products", "product", "id = %s", books["product"], storage_quantity="storage_quantity + 1"):
        assert audit(shop, "--quiet", "--report")[0] == 1
    assert gauge(shop, "wrong") == 1
    assert audit(shop, "--quiet", "--report")[0] == 0
    assert gauge(shop, "wrong") == 0


def test_only_hallectl_reports(shop, monkeypatch):
    monkeypatch.setattr("test_hallectl_route.PATH", REPORT)
    body = {"wrong": 7, "checked": 7}
    before = gauge(shop, "wrong")
    assert post(shop, body, caller="carts", audience="orders")[0] == 403
    assert post(shop, body, audience="carts")[0] == 401
    for bad in ({}, {"wrong": 1}, {"wrong": -1, "checked": 1}, {"wrong": "1", "checked": 1}, {**body, "x": 1}):
        assert post(shop, bad, audience="orders")[0] == 400
    problem(shop.client().post(REPORT, body), 404)
    assert gauge(shop, "wrong") == before


def test_a_busy_shop_has_no_finding(shop, books):
    admin = shop.admin()
    product = shop.new_product(admin, storage_quantity=100000)["id"]
    end, orders, broken = threading.Event(), [], []

    def shopper(client):
        while not end.is_set():
            try:
                bought = persist(lambda: order(client, items((product, 1))))
                number = data(bought, 201)["id"]
                orders.append(number)
                paid = number % 3 and persist(lambda: pay(client, number)).status_code == 201
                if not paid or number % 4 == 0:
                    persist(lambda: admin.another().post(f"/orders/{number}/cancel"))
            except Exception as error:
                broken.append(error)
                return

    threads = [threading.Thread(target=shopper, args=(client,), daemon=True) for client in buyers(shop, 4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20 if os.environ.get("HALLE_LONG") else 4):
            eventually(lambda seen=len(orders): len(orders) > seen + 10 or broken)
            code, out, err = audit(shop, "--quiet")
            assert (code, out, err) == (0, "", "")
    finally:
        end.set()
        for thread in threads:
            thread.join(60)
    assert not broken, broken[0]
    settled(shop)
    assert audit(shop, "--quiet") == (0, "", "")
