"""The past of a cart: reading it, going back to it, and how long it is kept."""

import datetime
import signal
import time
import uuid

import pytest

from harness import FACTS, data, eventually, in_threads, is_running, kill, private_instance, problem
from shoppers import stores_agree


@pytest.fixture
def article(product):
    return product["id"]


def lines(cart):
    return {line["product_id"]: line["quantity"] for line in cart["items"]}


def history(client, query=""):
    return data(client.get("/cart/history" + query))


def back(client, version, **kw):
    return client.post("/cart/rollback", {"version": version}, **kw)


def row(instance, client):
    return instance.rows("carts", "SELECT * FROM cart WHERE user_id = %s", client.user_id)[0]


def age(instance, client, days, table="cart"):
    column = {"cart": "updated_at", "cart_op": "created_at"}[table]
    instance.rows(
        "carts",
        f"UPDATE {table} SET {column} = UTC_TIMESTAMP(6) - INTERVAL %s DAY WHERE user_id = %s",
        days, client.user_id,
    )


# -- reading


def test_every_version_is_told_with_what_made_it(instance, customer, article):
    data(customer.add(article, 2), 201)
    data(customer.patch(f"/cart/items/{article}", {"quantity": 5}))
    data(customer.patch(f"/paniers/remove_from_cart/{customer.user_id}", {"article_id": article}))
    data(back(customer, 2))
    data(customer.delete("/cart"))
    data(customer.delete(f"/paniers/delete_cart/{customer.user_id}"))
    line = {"product_id": article, "unit_price": 12.5}
    told = history(customer)
    assert [(v["version"], v["operation"], v["deleted"], v["items"]) for v in told] == [
        (7, "DELETE /paniers/delete_cart/{user_id}", True, []),
        (6, "DELETE /cart", False, []),
        (5, "POST /cart/rollback", False, [{**line, "quantity": 2}]),
        (4, "PATCH /paniers/remove_from_cart/{user_id}", False, []),
        (3, "PATCH /cart/items/{product_id}", False, [{**line, "quantity": 5}]),
        (2, "POST /cart", False, [{**line, "quantity": 2}]),
        (1, "user.created", False, []),
    ]
    times = [datetime.datetime.fromisoformat(v["created_at"].replace("Z", "+00:00")) for v in told]
    assert times == sorted(times, reverse=True)
    assert data(customer.get(f"/paniers/{customer.user_id}/history")) == told


def test_the_price_is_that_of_the_day(admin, customer, article):
    data(customer.add(article), 201)
    data(admin.patch(f"/products/{article}", {"price": 99}))
    assert history(customer)[0]["items"][0]["unit_price"] == 12.5


def test_pages_follow_each_other_while_the_cart_changes(customer, article):
    for _ in range(6):
        data(customer.add(article), 201)
    path, seen = "/cart/history?limit=3", []
    while path:
        answer = customer.get(path)
        body = answer.json()
        assert body["count"] == len(body["data"]) <= 3
        seen += [v["version"] for v in body["data"]]
        link = answer.links.get("next")
        assert (body.get("next_cursor") is None) == (link is None)
        path = link and link["url"]
        data(customer.add(article), 201)
    assert seen == [7, 6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "cursor=x", "cursor=MQ", "cursor=MTox", "cursor=", "page=2", "sort=id",
              "limit=1&limit=2"],
)
def test_a_bad_query_is_refused_by_name(customer, query):
    got = problem(customer.get("/cart/history?" + query), 400, "VALIDATION_FAILED")
    assert got["errors"][0]["parameter"] == query.partition("=")[0]


def test_everybody_has_a_past_of_his_own(customer, other, article):
    data(customer.add(article), 201)
    assert [v["operation"] for v in history(other)] == ["user.created"]
    problem(other.get(f"/paniers/{customer.user_id}/history"), 404, "CART_NOT_FOUND")


def test_a_full_page_of_full_carts_fits(instance, customer, admin):
    made = sum(in_threads(4, lambda i: [instance.new_product(admin.another())["id"] for _ in range(25)]), [])
    for product_id in made:
        data(customer.add(product_id), 201)
    for _ in range(99):
        data(back(customer, customer.cart()["version"]))
    told = history(customer, "?limit=100")
    assert len(told) == 100 and all(len(v["items"]) == 100 for v in told)


# -- going back


def test_going_back_is_a_new_version_with_the_old_lines(instance, admin, customer, article):
    second = instance.new_product(admin)["id"]
    data(customer.add(article, 2), 201)
    data(customer.add(second, 1), 201)
    wanted = customer.cart()
    data(customer.delete("/cart"))
    answer = back(customer, 3)
    assert data(answer) == {**wanted, "version": 5} == customer.cart()
    assert answer.headers["ETag"] == '"5"'
    assert row(instance, customer)["version"] == 5
    stores_agree(instance)


def test_going_back_to_the_present_is_a_new_version_of_the_same(instance, customer, article):
    data(customer.add(article, 2), 201)
    before = customer.cart()
    assert data(back(customer, 2)) == {**before, "version": 3}
    stores_agree(instance)


@pytest.mark.parametrize("version", [3, 999, 2**63 - 1])
def test_a_version_that_never_was_is_not_found(instance, customer, article, version):
    data(customer.add(article), 201)
    before = row(instance, customer)
    problem(back(customer, version), 404, "CART_VERSION_NOT_FOUND")
    assert row(instance, customer) == before


@pytest.mark.parametrize("body", [{}, {"version": 0}, {"version": -1}, {"version": "1"}, {"version": 1.5},
                                  {"version": None}, {"version": 2**63}, {"version": 1, "user_id": 1}])
def test_a_version_is_a_positive_integer(customer, body):
    problem(customer.post("/cart/rollback", body), 400, "VALIDATION_FAILED")
    assert customer.cart()["version"] == 1


def test_what_is_not_sold_any_more_comes_back_as_a_warning(instance, admin, customer):
    kept, dearer, scarce, gone = (instance.new_product(admin, storage_quantity=9)["id"] for _ in range(4))
    for product_id in (kept, dearer, scarce, gone):
        data(customer.add(product_id, 3), 201)
    data(customer.delete("/cart"))
    data(admin.patch(f"/products/{dearer}", {"price": 20}))
    data(admin.post(f"/products/{scarce}/stock", {"delta": -8, "reason": "sold"}))
    assert admin.delete(f"/products/{gone}").status_code == 200
    time.sleep(FACTS)
    cart = data(back(customer, 5))
    assert sorted((w["product_id"], w["code"]) for w in cart["warnings"]) == sorted(
        [(dearer, "PRICE_CHANGED"), (scarce, "LOW_STOCK"), (gone, "UNAVAILABLE")]
    )
    assert lines(cart) == {kept: 3, dearer: 3, scarce: 3, gone: 3}
    assert [line["available"] for line in cart["items"]] == [True, True, True, False]
    assert cart["total"] == 3 * 12.5 + 3 * 20 + 3 * 12.5
    stores_agree(instance)


def test_of_parallel_ways_back_each_is_a_version(instance, customer, article):
    data(customer.add(article, 2), 201)
    answers = in_threads(8, lambda i: back(customer.another(), 1 + i % 2))
    assert sorted(data(answer)["version"] for answer in answers) == list(range(3, 11))
    by_version = {v["version"]: v["items"] for v in history(customer)}
    for i, answer in enumerate(answers):
        assert by_version[data(answer)["version"]] == by_version[1 + i % 2]
    stores_agree(instance)


# -- how long


def test_the_past_is_purged_after_its_days_and_the_cart_stays(instance, customer, other, article):
    for client in (customer, other):
        data(client.add(article, 2), 201)
    age(instance, customer, 31, "cart_op")
    age(instance, other, 29, "cart_op")
    eventually(lambda: history(customer) == [])
    problem(back(customer, 2), 404, "CART_VERSION_NOT_FOUND")
    assert lines(customer.cart()) == {article: 2}
    assert [v["version"] for v in history(other)] == [2, 1]
    assert data(customer.add(article), 201)["version"] == 3
    assert [v["version"] for v in history(customer)] == [3]
    stores_agree(instance)


def test_a_cart_that_nobody_touches_expires_by_a_version_in_both_stores(instance, customer, other, article):
    empty, deleted = instance.new_user(), instance.new_user()
    for client in (customer, other, deleted):
        data(client.add(article, 2), 201)
    data(deleted.delete(f"/paniers/delete_cart/{deleted.user_id}"))
    for client in (empty, deleted):
        age(instance, client, 91)
    still = [row(instance, client) for client in (empty, deleted)]
    age(instance, other, 89)
    age(instance, customer, 91)
    eventually(lambda: customer.cart()["items"] == [])
    assert customer.cart()["version"] == 3
    assert [(v["version"], v["operation"], v["items"]) for v in history(customer, "?limit=1")] == [(3, "expiry", [])]
    assert lines(other.cart()) == {article: 2} and other.cart()["version"] == 2
    assert [row(instance, client) for client in (empty, deleted)] == still
    stores_agree(instance)
    # and what expired can be had back
    assert lines(data(back(customer, 2))) == {article: 2}


def test_many_idle_carts_expire_and_each_once(instance, article):
    clients = sum(in_threads(4, lambda i: [instance.new_user() for _ in range(5)]), [])
    for client in clients:
        data(client.add(article), 201)
    for client in clients:
        age(instance, client, 100)
    eventually(lambda: all(client.cart()["items"] == [] for client in clients))
    assert {client.cart()["version"] for client in clients} == {3}
    stores_agree(instance)


# -- when something else is broken


@pytest.fixture(scope="module")
def broken():
    with private_instance(HALLE_LIMITS="off") as made:
        yield made


def forget_products(instance):
    """Other processes of carts, which remember nothing."""
    for pid in instance.workers("carts"):
        kill(pid)
    eventually(lambda: instance.client().get("/cart/health").status_code == 200)


def test_the_answer_kept_for_a_key_shows_the_lines_that_came_back(broken):
    article, customer = broken.new_product(broken.admin())["id"], broken.new_user()
    data(customer.add(article, 2), 201)
    wanted = customer.cart()["items"]
    data(customer.delete("/cart"))
    forget_products(broken)
    same = {"Idempotency-Key": uuid.uuid4().hex}
    first = back(customer, 2, headers=same)
    assert data(first)["items"] == wanted and data(first)["warnings"] == []
    again = back(customer, 2, headers=same)
    assert again.content == first.content and again.headers["Idempotent-Replayed"] == "true"
    problem(back(customer, 1, headers=same), 422, "IDEMPOTENCY_KEY_REUSED")
    assert customer.cart()["version"] == 4


def test_nothing_expires_without_the_mirror_and_then_it_does(broken):
    product = broken.new_product(broken.admin())["id"]
    customer = broken.new_user()
    data(customer.add(product, 2), 201)
    before = row(broken, customer)
    lines_before = len(broken.journal())
    broken.stop("redis", signal.SIGKILL)
    try:
        age(broken, customer, 91)
        problem(back(customer, 1), 503, "MIRROR_UNAVAILABLE")
        time.sleep(2)  # the job runs that often
        assert row(broken, customer)["doc"] == before["doc"]
        assert row(broken, customer)["version"] == before["version"]
        assert len(broken.journal()) == lines_before + 1
    finally:
        broken.start_redis()
    eventually(lambda: customer.cart()["items"] == [])
    assert customer.cart()["version"] == before["version"] + 1
    stores_agree(broken)


def stop_products(instance):
    pids = [instance.pid("products"), *instance.workers("products")]
    for pid in pids:
        kill(pid)
    eventually(lambda: not any(map(is_running, pids)))


def test_a_cart_is_shown_and_changed_without_products(broken):
    admin, customer = broken.admin(), broken.new_user()
    first, second = (broken.new_product(admin)["id"] for _ in range(2))
    data(customer.add(first, 2), 201)
    data(customer.add(second, 3), 201)
    forget_products(broken)
    stop_products(broken)
    cart = customer.cart()
    assert [(i["product_id"], i["quantity"], i["unit_price"], i["line_total"], i["available"], i["name"])
            for i in cart["items"]] == [(first, 2, 12.5, 25, None, None), (second, 3, 12.5, 37.5, None, None)]
    assert cart["total"] == 62.5 and cart["warnings"] == [{"code": "PRODUCTS_UNAVAILABLE"}]
    assert customer.get("/cart", headers={"If-None-Match": f'"{cart["version"]}"'}).status_code == 304
    # what need not be checked is done, what must be is refused
    problem(customer.add(first), 503, "SERVICE_UNAVAILABLE")
    problem(customer.patch(f"/cart/items/{first}", {"quantity": 1}), 503, "SERVICE_UNAVAILABLE")
    assert lines(data(customer.delete(f"/cart/items/{first}"))) == {second: 3}
    assert lines(data(back(customer, 3))) == {first: 2, second: 3}
    keyed = customer.delete(f"/cart/items/{second}", headers={"Idempotency-Key": "without"})
    assert lines(data(keyed)) == {first: 2}
    assert len(history(customer)) == 6
    assert data(customer.delete("/cart"))["items"] == []
    stores_agree(broken)
