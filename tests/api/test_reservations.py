"""Reservations: holding, prolonging, selling and giving back stock, each once however often it is asked."""

import uuid

import pymysql
import pytest

from harness import data, eventually, in_threads
from reservations import (
    audit, ask, books, commit, done, extend, ledger_of, let_go, lost, new_id, overdue, refused, release, reserve,
    running_balances, state_of, stock_of, tell, wrong_books,
)

pytestmark = pytest.mark.usefixtures("unharmed")


@pytest.fixture
def make(instance, admin):
    def made(stock=10, price=2.5, **fields):
        return instance.new_product(admin, storage_quantity=stock, price=price, **fields)["id"]

    return made


def expire(instance, reservation):
    overdue(instance, reservation)
    eventually(lambda: state_of(instance, reservation) == "expired")


# -- reserve


def test_a_reserve_takes_all_lines_and_tells_todays_prices(instance, make):
    a, b, reservation = make(10, 2.5, name="Vis"), make(5, 0.99, name="Clou"), new_id()
    got = done(reserve(instance, reservation, [(b, 2), (a, 3)]), "held")
    assert got["lines"] == [
        {"product_id": a, "name": "Vis", "quantity": 3, "price_cents": 250},
        {"product_id": b, "name": "Clou", "quantity": 2, "price_cents": 99},
    ]
    assert got["total_cents"] == 3 * 250 + 2 * 99
    assert (stock_of(instance, a), stock_of(instance, b)) == (7, 3)
    assert wrong_books(instance, {a: 10, b: 5}) == []
    assert ledger_of(instance, a) == [(10, 0, "created"), (-3, 3, "reserved")]


def test_the_public_stock_and_its_version_move_with_a_reservation(instance, anyone, make):
    product, reservation = make(4), new_id()
    before = anyone.get(f"/products/{product}")
    done(reserve(instance, reservation, {product: 4}))
    after = anyone.get(f"/products/{product}", headers={"Cache-Control": "no-cache"})
    after = eventually(lambda: (a := anyone.get(f"/products/{product}")).headers["ETag"] != before.headers["ETag"] and a)
    assert data(before)["storage_quantity"] == 4 and data(after)["storage_quantity"] == 0


def test_lines_of_one_product_are_folded_even_above_the_limit_of_a_line(instance, make):
    product, reservation = make(2000), new_id()
    got = done(reserve(instance, reservation, [(product, 999), (product, 501)]))
    assert [line["quantity"] for line in got["lines"]] == [1500]
    assert stock_of(instance, product) == 500
    done(reserve(instance, reservation, [(product, 1), (product, 999), (product, 500)]), "held")
    assert stock_of(instance, product) == 500


def test_all_shortages_are_told_at_once_and_nothing_is_held(instance, make):
    a, b, c, reservation = make(1), make(10), make(0), new_id()
    body = refused(reserve(instance, reservation, [(a, 1), (a, 1), (b, 2), (c, 1)]), 409, "OUT_OF_STOCK")
    assert body["lines"] == [
        {"product_id": a, "requested": 2, "available": 1}, {"product_id": c, "requested": 1, "available": 0},
    ]
    assert state_of(instance, reservation) is None
    assert wrong_books(instance, {a: 1, b: 10, c: 0}) == [] and stock_of(instance, b) == 10


def test_a_product_that_is_not_sold_is_named(instance, admin, make):
    there, gone, reservation = make(), make(), new_id()
    data(admin.delete(f"/products/{gone}"))
    for product in (gone, 2**62):
        body = refused(reserve(instance, reservation, {there: 1, product: 1}), 400, "PRODUCT_NOT_FOUND")
        assert body["product_id"] == product
    assert stock_of(instance, there) == 10 and state_of(instance, reservation) is None


def test_the_price_guard_holds_nothing_when_the_total_is_another(instance, make):
    a, b, reservation = make(10, 2.5, name="Vis"), make(10, 1, name="Clou"), new_id()
    items = {a: 2, b: 1}
    body = refused(reserve(instance, reservation, items, expected_total_cents=599), 409, "PRICE_CHANGED")
    assert (body["expected_total"], body["current_total"]) == (5.99, 6)
    assert body["lines"] == [
        {"product_id": a, "name": "Vis", "unit_price": 2.5, "quantity": 2},
        {"product_id": b, "name": "Clou", "unit_price": 1, "quantity": 1},
    ]
    assert state_of(instance, reservation) is None and stock_of(instance, a) == 10
    refused(reserve(instance, reservation, items, expected_total_cents=0), 409, "PRICE_CHANGED")
    done(reserve(instance, reservation, items, expected_total_cents=600), "held")


def test_a_total_beyond_all_money_is_refused(instance, make):
    product = make(2000, 999999999.99)
    body = refused(reserve(instance, new_id(), {product: 2}), 400, "VALIDATION_FAILED")
    assert body["errors"][0]["pointer"] == "#/items"


@pytest.mark.parametrize("body, pointer", [
    ({"items": []}, "#/items"),
    ({"items": None}, "#/items"),
    ({"items": [{"product_id": 1, "quantity": 1}] * 101}, "#/items"),
    ({"items": [{"product_id": 1, "quantity": 1}, {"product_id": 1, "quantity": 0}]}, "#/items/1/quantity"),
    ({"items": [{"product_id": 1, "quantity": 1000}]}, "#/items/0/quantity"),
    ({"items": [{"product_id": 1, "quantity": 1.5}]}, "#/items/0/quantity"),
    ({"items": [{"quantity": 1}]}, "#/items/0/product_id"),
    ({"items": [{"product_id": 1, "quantity": 1, "price": 1}]}, "#/items/0/price"),
    ({"items": [7]}, "#/items/0"),
    ({"hold_s": 0}, "#/hold_s"),
    ({"hold_s": 86401}, "#/hold_s"),
    ({"reservation_id": "x" * 36}, "#/reservation_id"),
    ({"reservation_id": None}, "#/reservation_id"),
    ({"instead_of": "x" * 36}, "#/instead_of"),
    ({"instead_of": "11111111-1111-4111-8111-111111111111"}, "#/instead_of"),
    ({"expected_total_cents": -1}, "#/expected_total_cents"),
])
def test_a_wrong_body_names_the_field_and_holds_nothing(instance, product, body, pointer):
    whole = {"reservation_id": "11111111-1111-4111-8111-111111111111", "hold_s": 900,
             "items": [{"product_id": product["id"], "quantity": 1}]}
    answer = refused(ask(instance, "reserve", {**whole, **body}), 400, "VALIDATION_FAILED")
    assert pointer in [error["pointer"] for error in answer["errors"]]
    assert state_of(instance, whole["reservation_id"]) is None


def test_only_orders_may_reserve(instance, product):
    body = {"reservation_id": new_id(), "hold_s": 900, "items": [{"product_id": product["id"], "quantity": 1}]}
    for verb in ("reserve", "extend", "commit", "release"):
        refused(ask(instance, verb, body, sender="carts"), 403, "FORBIDDEN")
    assert state_of(instance, body["reservation_id"]) is None


# -- the same again


def test_a_repeated_reserve_holds_once_and_for_longer(instance, make):
    product, reservation = make(10), new_id()
    first = done(reserve(instance, reservation, {product: 3}, hold_s=10))
    assert done(reserve(instance, reservation, {product: 3}, hold_s=600)) == first
    assert stock_of(instance, product) == 7
    left = "SELECT TIMESTAMPDIFF(SECOND, NOW(6), expires_at) AS s FROM reservation WHERE id = %s"
    assert instance.rows("products", left, uuid.UUID(reservation).bytes)[0]["s"] > 300
    done(reserve(instance, reservation, {product: 3}, hold_s=1))
    assert instance.rows("products", left, uuid.UUID(reservation).bytes)[0]["s"] > 300


def test_a_held_reservation_of_other_lines_is_refused(instance, make):
    a, b, reservation = make(10), make(10), new_id()
    done(reserve(instance, reservation, {a: 3}))
    for items in ({a: 2}, {a: 3, b: 1}, {b: 3}):
        refused(reserve(instance, reservation, items), 422, "IDEMPOTENCY_KEY_REUSED")
    done(commit(instance, reservation), "committed")
    refused(reserve(instance, reservation, {a: 2}), 422, "IDEMPOTENCY_KEY_REUSED")
    assert wrong_books(instance, {a: 10, b: 10}) == [] and stock_of(instance, a) == 7


def test_a_repeated_reserve_shows_prices_as_of_now(instance, admin, make):
    product, reservation = make(10, 2), new_id()
    assert done(reserve(instance, reservation, {product: 3}))["total_cents"] == 600
    data(admin.patch(f"/products/{product}", {"price": 3}))
    assert done(reserve(instance, reservation, {product: 3}))["total_cents"] == 900
    refused(reserve(instance, reservation, {product: 3}, expected_total_cents=600), 409, "PRICE_CHANGED")
    assert state_of(instance, reservation) == "held"


def test_one_that_was_let_go_or_expired_is_held_anew(instance, make):
    a, b, reservation = make(3), make(3), new_id()
    done(reserve(instance, reservation, {a: 3}))
    for _ in range(2):
        done(let_go(instance, reservation), "expired")
    assert stock_of(instance, a) == 3
    done(reserve(instance, reservation, {a: 2, b: 1}), "held")
    expire(instance, reservation)
    assert (stock_of(instance, a), stock_of(instance, b)) == (3, 3)
    other = new_id()
    done(reserve(instance, other, {a: 2}))
    refused(reserve(instance, reservation, {a: 2}), 409, "OUT_OF_STOCK")
    assert state_of(instance, reservation) == "expired"
    done(release(instance, other))
    done(reserve(instance, reservation, {a: 2}), "held")
    assert wrong_books(instance, {a: 3, b: 3}) == [] and running_balances(instance, a)


def test_a_released_one_is_never_held_again(instance, make):
    """Its order is closed: a late repetition of the order's request must not bring the stock back."""
    product, reservation, sold = make(3), new_id(), new_id()
    done(reserve(instance, reservation, {product: 2}))
    assert tell(instance, "reservation.release", reservation) == 204
    refused(reserve(instance, reservation, {product: 2}), 409, "STOCK_NOT_HELD")
    done(reserve(instance, sold, {product: 1}))
    done(commit(instance, sold), "committed")
    done(let_go(instance, sold))
    assert state_of(instance, sold) == "committed", "only what is held is let go"
    assert stock_of(instance, product) == 2 and wrong_books(instance, {product: 3}) == []


def test_the_last_piece_is_held_once_by_one_request_at_the_same_time(instance, make):
    """Its twin is not told that what it holds itself is short."""
    for _ in range(10):
        product, reservation = make(1), new_id()
        answers = in_threads(6, lambda i: reserve(instance, reservation, {product: 1}))
        assert [status for status, _ in answers] == [200] * 6


def test_a_reserve_of_a_committed_one_tells_that_it_is_sold(instance, make):
    product, reservation = make(10), new_id()
    done(reserve(instance, reservation, {product: 3}))
    done(commit(instance, reservation))
    assert done(reserve(instance, reservation, {product: 3}, expected_total_cents=1), "committed")["lines"]
    assert stock_of(instance, product) == 7


# -- extend, commit, release


def test_extend_prolongs_what_is_held_and_nothing_else(instance, make):
    product, reservation = make(10), new_id()
    refused(extend(instance, reservation), 409, "STOCK_NOT_HELD")
    done(reserve(instance, reservation, {product: 1}, hold_s=1))
    done(extend(instance, reservation, 600), "held")
    left = "SELECT TIMESTAMPDIFF(SECOND, NOW(6), expires_at) AS s FROM reservation WHERE id = %s"
    assert instance.rows("products", left, uuid.UUID(reservation).bytes)[0]["s"] > 300
    done(commit(instance, reservation))
    refused(extend(instance, reservation), 409, "STOCK_NOT_HELD")
    done(release(instance, reservation))
    refused(extend(instance, reservation), 409, "STOCK_NOT_HELD")


def test_commit_sells_once(instance, make):
    product, reservation = make(10), new_id()
    done(reserve(instance, reservation, {product: 3}))
    for _ in range(3):
        done(commit(instance, reservation), "committed")
    assert ledger_of(instance, product)[1:] == [(-3, 3, "reserved"), (0, -3, "sold")]
    assert wrong_books(instance, {product: 10}) == []


def test_release_gives_back_once_whether_held_or_sold(instance, make):
    product, held, sold = make(10), new_id(), new_id()
    done(reserve(instance, held, {product: 3}))
    done(reserve(instance, sold, {product: 2}))
    done(commit(instance, sold))
    for reservation in (held, sold, held, sold, new_id()):
        done(release(instance, reservation), "released")
    assert stock_of(instance, product) == 10
    assert ledger_of(instance, product)[3:] == [(0, -2, "sold"), (3, -3, "released"), (2, 0, "returned")]
    refused(commit(instance, held), 409, "STOCK_NOT_HELD")
    refused(commit(instance, new_id()), 409, "STOCK_NOT_HELD")


def test_what_is_held_too_long_expires(instance, make):
    product, reservation = make(10), new_id()
    done(reserve(instance, reservation, {product: 3}, hold_s=1))
    eventually(lambda: state_of(instance, reservation) == "expired")
    assert ledger_of(instance, product)[1:] == [(-3, 3, "reserved"), (3, -3, "expired")]
    done(release(instance, reservation), "released")
    assert ledger_of(instance, product)[3:] == []


def test_many_that_are_overdue_expire_and_sold_ones_do_not(instance, make):
    product, sold = make(300), new_id()
    done(reserve(instance, sold, {product: 50}))
    done(commit(instance, sold))
    held = [new_id() for _ in range(140)]
    for reservation in held:
        done(reserve(instance, reservation, {product: 1}))
    for reservation in held + [sold]:
        overdue(instance, reservation)
    eventually(lambda: stock_of(instance, product) == 250)
    assert state_of(instance, sold) == "committed"
    assert wrong_books(instance, {product: 300}) == [] and running_balances(instance, product)


def test_a_commit_after_expiry_takes_the_stock_again_or_tells_that_it_is_gone(instance, make):
    a, b, reservation = make(3), make(3), new_id()
    done(reserve(instance, reservation, {a: 3, b: 1}))
    expire(instance, reservation)
    other = new_id()
    done(reserve(instance, other, {a: 1}))
    body = refused(commit(instance, reservation), 409, "OUT_OF_STOCK")
    assert body["lines"] == [{"product_id": a, "requested": 3, "available": 2}]
    assert state_of(instance, reservation) == "expired" and stock_of(instance, b) == 3
    done(release(instance, other))
    done(commit(instance, reservation), "committed")
    assert ledger_of(instance, a)[-1] == (-3, 0, "sold")
    assert wrong_books(instance, {a: 3, b: 3}) == []


def test_stock_of_a_deleted_product_is_still_sold_and_given_back(instance, admin, make):
    product, sold, given, expired = make(10), new_id(), new_id(), new_id()
    for reservation in (sold, given, expired):
        done(reserve(instance, reservation, {product: 2}))
    data(admin.delete(f"/products/{product}"))
    done(reserve(instance, sold, {product: 2}), "held")
    done(commit(instance, sold), "committed")
    done(release(instance, given), "released")
    expire(instance, expired)
    done(commit(instance, expired), "committed")
    done(release(instance, sold), "released")
    refused(reserve(instance, new_id(), {product: 2}), 400, "PRODUCT_NOT_FOUND")
    assert stock_of(instance, product) == 8 and wrong_books(instance, {product: 10}) == []


def test_setting_the_stock_sets_what_is_available_now(instance, admin, make):
    product, reservation = make(10), new_id()
    done(reserve(instance, reservation, {product: 3}))
    assert data(admin.patch(f"/products/{product}", {"storage_quantity": 20}))["storage_quantity"] == 20
    done(release(instance, reservation))
    assert stock_of(instance, product) == 23 and wrong_books(instance, {product: 23}) == []


# -- instead of another one


def test_a_reservation_takes_the_place_of_another_in_one_step(instance, make):
    a, b, first, second = make(5), make(5), new_id(), new_id()
    done(reserve(instance, first, {a: 5, b: 1}))
    done(reserve(instance, second, {a: 4, b: 2}, instead_of=first), "held")
    assert (state_of(instance, first), state_of(instance, second)) == ("expired", "held")
    assert (stock_of(instance, a), stock_of(instance, b)) == (1, 3)
    done(reserve(instance, second, {a: 4, b: 2}, instead_of=first), "held")
    assert wrong_books(instance, {a: 5, b: 5}) == []


@pytest.mark.parametrize("items, code", [((6, 1), "OUT_OF_STOCK"), ((4, 1), "PRICE_CHANGED")])
def test_a_refused_replacement_leaves_the_other_held(instance, make, items, code):
    a, b, first, second = make(5), make(5), new_id(), new_id()
    done(reserve(instance, first, {a: 5, b: 1}))
    refused(
        reserve(instance, second, {a: items[0], b: items[1]}, instead_of=first, expected_total_cents=1), 409, code
    )
    assert (state_of(instance, first), state_of(instance, second)) == ("held", None)
    assert wrong_books(instance, {a: 5, b: 5}) == [] and stock_of(instance, a) == 0


def test_only_a_held_one_is_replaced(instance, make):
    product, sold, second = make(5), new_id(), new_id()
    done(reserve(instance, sold, {product: 3}))
    done(commit(instance, sold))
    refused(reserve(instance, second, {product: 4}, instead_of=sold), 409, "OUT_OF_STOCK")
    done(reserve(instance, second, {product: 2}, instead_of=sold), "held")
    assert state_of(instance, sold) == "committed"
    done(reserve(instance, second, {product: 2}, instead_of=new_id()), "held")
    assert wrong_books(instance, {product: 5}) == []


# -- events


def test_events_commit_and_release_and_count_once(instance, make):
    product, reservation, event = make(10), new_id(), new_id()
    done(reserve(instance, reservation, {product: 3}))
    assert tell(instance, "reservation.commit", reservation, event_id=event) == 204
    assert state_of(instance, reservation) == "committed"
    assert tell(instance, "reservation.release", reservation) == 204
    assert state_of(instance, reservation) == "released"
    assert tell(instance, "reservation.commit", reservation, event_id=event) == 204
    assert state_of(instance, reservation) == "released" and lost(instance, reservation) == []
    assert tell(instance, "reservation.release", reservation) == 204
    assert tell(instance, "reservation.release", new_id()) == 204
    assert wrong_books(instance, {product: 10}) == [] and stock_of(instance, product) == 10


def test_other_events_and_senders_are_refused(instance, make):
    product, reservation = make(10), new_id()
    done(reserve(instance, reservation, {product: 3}))
    assert tell(instance, "reservation.commit", reservation, sender="payments") == 403
    assert tell(instance, "reservation.eat", reservation) == 400
    assert tell(instance, "reservation.commit", "no uuid") == 400
    assert tell(instance, "reservation.commit", reservation, order_id=0) == 400
    assert state_of(instance, reservation) == "held"


def test_a_commit_after_expiry_that_finds_stock_is_not_lost(instance, make):
    product, reservation = make(3), new_id()
    done(reserve(instance, reservation, {product: 3}))
    expire(instance, reservation)
    assert tell(instance, "reservation.commit", reservation) == 204
    assert state_of(instance, reservation) == "committed" and lost(instance, reservation) == []


# -- the ledger, the database, the audit


def test_the_public_ledger_shows_what_reservations_did(instance, admin, make):
    product, reservation = make(10), new_id()
    done(reserve(instance, reservation, {product: 3}))
    done(commit(instance, reservation))
    rows = data(admin.get(f"/products/{product}/stock"))
    assert [(r["delta"], r["reserved_delta"], r["balance"], r["reason"], r["reservation_id"]) for r in rows] == [
        (0, -3, 7, "sold", reservation), (-3, 3, 7, "reserved", reservation), (10, 0, 10, "created", None),
    ]
    assert [r["user_id"] for r in rows] == [None, None, admin.user_id]


@pytest.mark.parametrize("sql", [
    "INSERT INTO stock_ledger (product_id, delta, balance, reason) VALUES ({p}, 0, 1, 'x')",
    "INSERT INTO reservation_line (reservation_id, product_id, quantity) SELECT id, {p}, 0 FROM reservation LIMIT 1",
    "INSERT INTO reservation_line (reservation_id, product_id, quantity) VALUES ('0123456789abcdef', {p}, 1)",
    "UPDATE product SET storage_quantity = -1 WHERE id = {p}",
    "INSERT INTO reservation (id, state, expires_at) VALUES ('0123456789abcdef', 'eaten', NOW())",
])
def test_the_database_itself_refuses_wrong_books(instance, make, sql):
    done(reserve(instance, new_id(), {make(): 1}))
    product = make()
    with pytest.raises(pymysql.Error):
        instance.rows("products", sql.format(p=product))


def test_the_audit_lists_all_reservations_and_finds_nothing_wrong(instance, make):
    a, b = make(20), make(20)
    wanted = {}
    for verb in (None, commit, release):
        reservation = new_id()
        wanted[reservation] = done(reserve(instance, reservation, {a: 1, b: 2}))["state"]
        if verb:
            wanted[reservation] = done(verb(instance, reservation))["state"]
    for limit in (500, 7, 1):
        wrong, rows = audit(instance, limit)
        assert wrong == []
        found = {row["reservation_id"]: row for row in rows}
        assert len(found) == len(rows)
        assert {k: found[k]["state"] for k in wanted} == wanted
        assert all(found[k]["lines"] == [{"product_id": a, "quantity": 1}, {"product_id": b, "quantity": 2}]
                   for k in wanted)


def test_the_audit_finds_what_is_wrong(instance, make):
    product, reservation = make(20), new_id()
    done(reserve(instance, reservation, {product: 2}))
    instance.rows("products", "UPDATE product SET storage_quantity = storage_quantity + 1 WHERE id = %s", product)
    wrong, _ = audit(instance)
    assert wrong == [{"what": "stock", "product_id": product, "stock": 19, "ledger_stock": 18, "held": 2,
                      "ledger_reserved": 2}]
    instance.rows("products", "UPDATE product SET storage_quantity = storage_quantity - 1 WHERE id = %s", product)
    name = uuid.UUID(reservation).bytes
    instance.rows("products", "UPDATE reservation SET state = 'committed' WHERE id = %s", name)
    wrong, _ = audit(instance)
    assert sorted(row["what"] for row in wrong) == ["reservation", "stock"]
    assert {"what": "reservation", "reservation_id": reservation, "state": "committed", "product_id": product} in wrong
    instance.rows("products", "UPDATE reservation SET state = 'held' WHERE id = %s", name)
    assert audit(instance)[0] == []
    assert books(instance, [product])[product]["held"] == 2


@pytest.mark.parametrize("body", [{"limit": 0}, {"limit": 501}, {"after": -1}, {"page": 1}])
def test_the_audit_refuses_wrong_pages(instance, body):
    refused(ask(instance, "audit", body, sender="hallectl"), 400, "VALIDATION_FAILED")
