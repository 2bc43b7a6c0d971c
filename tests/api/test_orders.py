"""Orders through the API: placing, reading, editing, cancelling, paying (by a simulated payments service)."""

import uuid

import pytest

import tokens
from buyers import all_agree, begin, capture, items, key, pay, place, sent, stock, tell
from harness import PATIENT, data, eventually, in_threads, private_instance, problem


@pytest.fixture(scope="module")
def instance():
    """Without its payments and bank: the tests speak for them, and see what they are told."""
    with private_instance(HALLE_LIMITS="off", **PATIENT) as made:
        yield made


@pytest.fixture(scope="module")
def admin(instance):
    return instance.admin()


@pytest.fixture
def order(customer, product):
    return place(customer, (product["id"], 2))


def test_an_order_has_its_lines_total_and_events_and_holds_its_stock(instance, admin, customer):
    a, b = (instance.new_product(admin, price=p, storage_quantity=10) for p in (12.5, 0.99))
    answer = customer.post("/orders", items((b["id"], 1), (a["id"], 2), (b["id"], 2)))
    got = data(answer, 201)
    assert answer.headers["Location"] == f"/orders/{got['id']}"
    assert [(l["id"], l["product_id"], l["quantity"], l["unit_price"], l["line_total"]) for l in got["items"]] == [
        (1, a["id"], 2, 12.5, 25), (2, b["id"], 3, 0.99, 2.97)]
    assert got["total"] == 27.97 and got["currency"] == "EUR" and got["status"] == "pending" and got["version"] == 1
    assert got["payment"] == {"state": "none", "id": None} and got["expires_at"]
    assert [(e["type"], e["status"], e["actor"]) for e in got["events"]] == [("status", "pending", customer.user_id)]
    assert (stock(instance, a["id"]), stock(instance, b["id"])) == (8, 7)
    read = customer.get(f"/orders/{got['id']}")
    assert data(read) == got and read.headers["ETag"] == answer.headers["ETag"]
    assert customer.get(f"/orders/{got['id']}", headers={"If-None-Match": read.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize("body, code", [
    ({}, "MISSING_ITEMS"), ({"items": []}, "MISSING_ITEMS"), ({"from_cart": False}, "MISSING_ITEMS"),
    ({"items": None}, "VALIDATION_FAILED"), ({"items": {}}, "VALIDATION_FAILED"), ({"items": [1]}, "VALIDATION_FAILED"),
    ({"items": [{}]}, "VALIDATION_FAILED"), ({"from_cart": True, "items": [{"product_id": 1, "quantity": 1}]}, "VALIDATION_FAILED"),
    ({"items": [{"product_id": 1, "quantity": 1}] * 101}, "VALIDATION_FAILED"),
    *[({"items": [{"product_id": 1, "quantity": q}]}, "VALIDATION_FAILED")
      for q in (0, -1, -5, 1.5, 1000, 10**18, "1", None, True, [1])],
    *[({"items": [{"product_id": p, "quantity": 1}]}, "VALIDATION_FAILED") for p in (0, -1, 1.5, "1", 2**63, None)],
    ({"items": [{"product_id": 1, "quantity": 1, "price": 0.01}]}, "VALIDATION_FAILED"),
    ({"items": [{"product_id": 1, "quantity": 1}], "total": 0}, "VALIDATION_FAILED"),
    ({"items": [{"product_id": 1, "quantity": 1}], "status": "paid"}, "VALIDATION_FAILED"),
    ({"items": [{"product_id": 1, "quantity": 1}], "expected_total": -1}, "VALIDATION_FAILED"),
    ({"items": [{"product_id": 1, "quantity": 1}], "expected_total": 1.005}, "VALIDATION_FAILED"),
    ({"items": [{"product_id": 2**62, "quantity": 1}]}, "PRODUCT_NOT_FOUND"),
], ids=lambda v: v if isinstance(v, str) else "b")
def test_a_bad_order_is_refused_and_changes_nothing(instance, customer, body, code):
    before = instance.checksum("orders", "products")
    problem(customer.post("/orders", body), 400, code)
    assert instance.checksum("orders", "products") == before


def test_short_stock_tells_all_short_lines_and_holds_nothing(instance, admin, customer):
    a, b, c = (instance.new_product(admin, storage_quantity=q) for q in (1, 2, 50))
    got = problem(customer.post("/orders", items((c["id"], 1), (a["id"], 2), (b["id"], 3))), 409, "OUT_OF_STOCK")
    assert got["lines"] == [{"product_id": a["id"], "requested": 2, "available": 1},
                            {"product_id": b["id"], "requested": 3, "available": 2}]
    assert [stock(instance, p["id"]) for p in (a, b, c)] == [1, 2, 50]


def test_the_expected_total_guards_the_price(customer, product):
    body = items((product["id"], 2))
    got = problem(customer.post("/orders", {**body, "expected_total": 24.99}), 409, "PRICE_CHANGED")
    assert (got["expected_total"], got["current_total"]) == (24.99, 25)
    assert data(customer.post("/orders", {**body, "expected_total": 25.0}), 201)["total"] == 25


def test_one_key_is_one_order(instance, customer, product):
    same = key()
    answers = in_threads(64, lambda i: customer.another().post("/orders", items((product["id"], 1)), headers=same))
    made = {a.json()["data"]["id"] for a in answers if a.status_code == 201}
    assert len(made) == 1
    assert all(a.status_code == 201 or problem(a, 409, "IDEMPOTENCY_KEY_BUSY") for a in answers)
    again = customer.post("/orders", items((product["id"], 1)), headers=same)
    assert data(again, 201)["id"] in made and again.headers["Idempotent-Replayed"] == "true"
    problem(customer.post("/orders", items((product["id"], 2)), headers=same), 422, "IDEMPOTENCY_KEY_REUSED")
    assert stock(instance, product["id"]) == 499


def test_two_tabs_with_one_cart_make_one_order(instance, customer, product):
    data(customer.add(product["id"], 3), 201)
    answers = in_threads(8, lambda i: customer.another().post("/orders", {"from_cart": True}, headers=key()))
    good = [a for a in answers if a.status_code in (200, 201)]
    # who comes after the cart was emptied has nothing to order
    assert all(a in good or problem(a, 400, "MISSING_ITEMS") for a in answers)
    assert len({a.json()["data"]["id"] for a in good}) == 1
    assert [a.status_code for a in good].count(201) == 1
    assert eventually(lambda: customer.cart()["items"] == [])
    assert stock(instance, product["id"]) == 497
    problem(customer.post("/orders", {"from_cart": True}), 400, "MISSING_ITEMS")


def test_open_orders_are_limited_also_at_once(instance, customer, product):
    answers = in_threads(20, lambda i: customer.another().post("/orders", items((product["id"], 1))))
    assert sum(a.status_code == 201 for a in answers) == 3
    assert all(a.status_code == 201 or problem(a, 409, "TOO_MANY_OPEN_ORDERS") for a in answers)
    eventually(lambda: stock(instance, product["id"]) == 497)


def test_lists_show_ones_own_newest_first(instance, admin, customer, other, product):
    ids = [place(customer, (product["id"], q))["id"] for q in (1, 2, 3)]
    assert [o["id"] for o in data(customer.get("/orders"))] == ids[::-1]
    page = customer.get("/orders?limit=2").json()
    assert [o["id"] for o in page["data"]] == ids[:0:-1] and page["count"] == 2
    assert [o["id"] for o in data(customer.get(f"/orders?limit=2&cursor={page['next_cursor']}"))] == ids[:1]
    data(customer.delete(f"/orders/{ids[1]}"))
    assert [o["id"] for o in data(customer.get("/orders?status=cancelled"))] == [ids[1]]
    assert data(other.get("/orders")) == []
    assert len(data(admin.get(f"/orders?user_id={customer.user_id}&status=pending"))) == 2
    assert data(admin.get("/orders?all=true&status=cancelled&limit=1"))[0]["id"] == ids[1]
    assert [o["id"] for o in data(admin.get("/orders?all=true&limit=2"))] == ids[:0:-1]
    for query in (f"user_id={customer.user_id}", "all=true"):
        problem(other.get(f"/orders?{query}"), 403, "FORBIDDEN")
    for query in ("status=shippedish", "limit=0", "limit=101", "cursor=x", "user_id=0", "what=1"):
        problem(customer.get(f"/orders?{query}"), 400, "VALIDATION_FAILED")


def test_a_payment_that_meets_a_cancellation_is_refused(instance, customer, order):
    """Products knows that the order is closed before its payment begins."""
    reservation = instance.rows("orders", "SELECT reservation_id FROM orders WHERE id = %s", order["id"])[0]["reservation_id"]
    assert tokens.tell(instance, "orders", "products", "reservation.release",
                       {"reservation_id": str(uuid.UUID(bytes=reservation)), "order_id": order["id"]}) == 204
    status, body, _ = begin(instance, order)
    assert (status, body["error"]["code"]) == (409, "ORDER_NOT_PENDING")
    data(customer.delete(f"/orders/{order['id']}"))


def test_a_foreign_order_does_not_exist(other, order):
    path = f"/orders/{order['id']}"
    for answer in (other.get(path), other.delete(path), other.post(path + "/cancel"),
                   other.put(path, {"status": "cancelled"}), other.put(path, items((1, 1)))):
        problem(answer, 404, "ORDER_NOT_FOUND")


def test_items_are_edited_while_pending(instance, admin, customer, product, order):
    b = instance.new_product(admin, storage_quantity=5)
    path, tag = f"/orders/{order['id']}", {"If-Match": '"1"'}
    got = data(customer.put(path, items((b["id"], 5), (product["id"], 1)), headers=tag))
    assert got["version"] == 2 and got["total"] == 75 and [e["type"] for e in got["events"]] == ["status", "items"]
    assert (stock(instance, product["id"]), stock(instance, b["id"])) == (499, 0)
    problem(customer.put(path, items((b["id"], 1)), headers=tag), 412, "PRECONDITION_FAILED")
    problem(customer.put(path, items((b["id"], 6))), 409, "OUT_OF_STOCK")
    assert (stock(instance, product["id"]), stock(instance, b["id"])) == (499, 0)
    assert data(customer.put(path, items((b["id"], 4))))["version"] == 3  # what it holds itself counts
    problem(customer.put(path, {}), 400, "MISSING_STATUS")
    problem(customer.put(path, {"items": []}), 400, "MISSING_ITEMS")
    problem(customer.put(path, {"status": "paid"}), 403, "FORBIDDEN")
    problem(customer.put(path, {"status": "whatever"}), 400, "VALIDATION_FAILED")
    problem(customer.put(path, {"status": "cancelled", **items((1, 1))}), 400, "VALIDATION_FAILED")
    begun = begin(instance, order)
    assert begun[0] == 200 and begun[1]["data"]["amount_cents"] == 5000
    problem(customer.put(path, items((b["id"], 1))), 409, "PAYMENT_IN_PROGRESS")
    all_agree(instance)


def test_edits_at_once_leave_one_of_them(instance, customer, product, order):
    path = f"/orders/{order['id']}"
    answers = in_threads(6, lambda i: customer.another().put(path, items((product["id"], i + 1))))
    assert any(a.status_code == 200 for a in answers) and all(a.status_code in (200, 412) for a in answers)
    all_agree(instance)


@pytest.mark.parametrize("how", ("DELETE", "cancel"))
def test_a_cancelled_order_gives_its_stock_back(instance, customer, product, order, how):
    path = f"/orders/{order['id']}"
    cancel = lambda: customer.delete(path) if how == "DELETE" else customer.post(path + "/cancel")
    assert data(cancel())["status"] == "cancelled"
    assert eventually(lambda: stock(instance, product["id"]) == 500)
    problem(cancel(), 409, "ORDER_NOT_PENDING")
    assert begin(instance, order)[0] == 409
    assert stock(instance, product["id"]) == 500


def test_a_payment_pays_and_an_admin_leads_the_order_on(instance, admin, customer, product, order):
    path = f"/orders/{order['id']}"
    status, answer, payment = begin(instance, order)
    assert status == 200 and answer["data"] == {"order_id": order["id"], "amount_cents": 2500, "currency": "EUR"}
    assert begin(instance, order, payment)[0] == 200  # the same once more
    assert begin(instance, order)[1]["error"]["code"] == "PAYMENT_IN_PROGRESS"
    for answer in (customer.delete(path), admin.delete(path), admin.put(path, {"status": "cancelled"})):
        problem(answer, 409, "PAYMENT_IN_PROGRESS")
    event = str(uuid.uuid4())
    for _ in range(3):
        assert tell(instance, "captured", payment, order, event, amount_cents=2500) == 204
    capture(instance, order, payment)
    got = data(customer.get(path))
    assert got["status"] == "paid" and got["payment"] == {"state": "captured", "id": payment} and got["expires_at"] is None
    assert sent(instance, "order.refund", order["id"]) == 0
    problem(customer.delete(path), 409, "ORDER_NOT_PENDING")
    problem(customer.put(path, items((product["id"], 1))), 409, "ORDER_NOT_PENDING")
    assert begin(instance, order)[1]["error"]["code"] == "ORDER_NOT_PENDING"
    refused = problem(admin.put(path, {"status": "delivered"}), 409, "INVALID_TRANSITION")
    assert refused["allowed"] == ["preparing", "cancelled"] and refused["from"] == "paid"
    for step in ("preparing", "shipped", "delivered"):
        assert data(admin.put(path, {"status": step}))["status"] == step
    assert problem(admin.delete(path), 409, "INVALID_TRANSITION")["allowed"] == []
    all_agree(instance)


def test_a_paid_order_that_is_cancelled_is_refunded(instance, admin, customer, product, order):
    payment = pay(instance, order)
    got = data(admin.delete(f"/orders/{order['id']}"))
    assert got["status"] == "cancelled" and got["payment"]["state"] == "refunding"
    assert sent(instance, "order.refund", order["id"]) in (0, 1)  # the payments service may have taken it
    eventually(lambda: stock(instance, product["id"]) == 500)
    assert tell(instance, "refunded", payment, order, refunded_cents=2500) == 204
    assert data(customer.get(f"/orders/{order['id']}"))["payment"]["state"] == "refunded"
    assert tell(instance, "refunded", payment, order, refunded_cents=100) == 204  # late news
    assert data(customer.get(f"/orders/{order['id']}"))["payment"]["state"] == "refunded"


def test_a_failed_payment_frees_the_order_and_a_late_begin_is_refused(instance, customer, order):
    payment = begin(instance, order)[2]
    assert tell(instance, "failed", payment, order, reason="declined") == 204
    assert data(customer.get(f"/orders/{order['id']}"))["payment"] == {"state": "none", "id": None}
    late = str(uuid.uuid4())
    assert tell(instance, "failed", late, order, reason="void") == 204
    assert begin(instance, order, late)[1]["error"]["code"] == "ORDER_NOT_PENDING"
    pay(instance, order)


def test_money_is_never_kept_for_nothing(instance, customer, product, order):
    refunds = lambda: [e["type"] for e in data(customer.get(f"/orders/{order['id']}"))["events"]].count("payment.unwanted")
    capture(instance, order, str(uuid.uuid4()))  # of a payment that never began
    assert refunds() == 1
    payment = begin(instance, order)[2]
    capture(instance, order, payment, 2499)  # another amount
    got = data(customer.get(f"/orders/{order['id']}"))
    assert refunds() == 2 and got["status"] == "pending" and got["payment"]["state"] == "none"
    data(customer.delete(f"/orders/{order['id']}"))
    capture(instance, order, str(uuid.uuid4()))
    assert refunds() == 3


def test_lost_stock_cancels_and_refunds(instance, customer, order):
    pay(instance, order)
    row = instance.rows("orders", "SELECT HEX(reservation_id) AS r FROM orders WHERE id = %s", order["id"])[0]
    lost = {"reservation_id": str(uuid.UUID(row["r"])), "order_id": order["id"]}
    assert tokens.tell(instance, "products", "orders", "reservation.lost", lost) == 204
    got = data(customer.get(f"/orders/{order['id']}"))
    assert got["status"] == "cancelled" and got["payment"]["state"] == "refunding"


def test_a_deleted_users_orders_stay_without_the_name(instance, admin, product):
    user = instance.new_user()
    kept, open_ = place(user, (product["id"], 1)), place(user, (product["id"], 2))
    pay(instance, kept)
    assert data(admin.get(f"/orders/{kept['id']}"))["user_name"] == user.username
    assert user.delete("/users/profile").status_code == 200
    eventually(lambda: data(admin.get(f"/orders/{kept['id']}"))["user_name"] is None)
    got = data(admin.get(f"/orders/{open_['id']}"))
    assert got["status"] == "cancelled" and got["user_name"] is None and len(got["items"]) == 1
    assert data(admin.get(f"/orders/{kept['id']}"))["status"] == "paid"
    eventually(lambda: stock(instance, product["id"]) == 499)


def test_crossed_orders_at_once_meet_no_deadlock(instance, admin, unharmed):
    products = [instance.new_product(admin, storage_quantity=40)["id"] for _ in range(3)]
    users = [instance.new_user() for _ in range(16)]

    def buy(i):
        order = products if i % 2 else products[::-1]
        return [users[i].another().post("/orders", items(*[(p, 1) for p in order])).status_code for _ in range(3)]

    codes = [c for got in in_threads(16, buy) for c in got]
    assert codes.count(201) == 40 and set(codes) == {201, 409}
    assert [stock(instance, p) for p in products] == [0, 0, 0]
    all_agree(instance)


def test_only_the_right_service_may_tell(instance, order):
    for sender, kind in (("products", "payment.captured"), ("auth", "payment.failed"), ("payments", "reservation.lost")):
        assert tokens.tell(instance, sender, "orders", kind, {"order_id": order["id"]}) in (403, 400)
    assert tokens.call(instance, "carts", "orders", f"/internal/orders/{order['id']}/payment", {})[0] == 403
    assert begin(instance, order, user_id=order["user_id"] + 1)[0] == 404
