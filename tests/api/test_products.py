"""The catalogue: reading, creating, changing, deleting, stock."""

import uuid

import pymysql
import pytest

from harness import data, eventually, in_threads, problem


def listed(anyone, query):
    answer = anyone.get("/products?" + query)
    rows = data(answer)
    assert answer.json()["count"] == len(rows)
    return rows


def next_page(answer):
    return answer.links.get("next", {}).get("url")


@pytest.fixture(scope="module")
def shelf(instance, admin):
    """Seven products that only this word finds, of different prices, two without stock."""
    word = "z" + uuid.uuid4().hex[:10]
    made = [
        instance.new_product(admin, name=f"{word} {i}", price=10 + i, storage_quantity=i % 3)
        for i in range(7)
    ]
    return word, made


def test_a_product_has_the_documented_members(anyone, product):
    got = data(anyone.get(f"/products/{product['id']}"))
    assert set(got) == {
        "id", "name", "description", "price", "currency", "storage_quantity", "image",
        "date_creation", "date_update",
    }
    assert got["currency"] == "EUR" and got["image"] is None and got["price"] == 12.5


def test_creating_answers_201_with_location_and_etag(admin, anyone):
    answer = admin.post("/products", {"name": "Étagère", "price": 0.1, "storage_quantity": 3})
    made = data(answer, 201)
    assert answer.headers["Location"].endswith(f"/products/{made['id']}")
    assert answer.headers["ETag"]
    assert data(anyone.get(f"/products/{made['id']}")) == made


@pytest.mark.parametrize("price", ["0", "0.01", "0.1", "19.99", "69.69", "1234567.89"])
def test_prices_come_back_exactly_as_they_were_sent(admin, price):
    body = '{"name":"Prix","price":%s}' % price
    answer = admin.post("/products", data=body, headers={"Content-Type": "application/json"})
    assert data(answer, 201)["price"] == float(price)


def test_an_unknown_product_answers_404(anyone):
    problem(anyone.get("/products/9007199254740993"), 404, "PRODUCT_NOT_FOUND")


@pytest.mark.parametrize("bad", ["0", "-1", "abc", "1.5", "9223372036854775808", "01", "%20"])
def test_an_id_that_is_none_answers_400(anyone, bad):
    problem(anyone.get(f"/products/{bad}"), 400, "INVALID_ID")


def test_patch_changes_only_the_members_that_it_has(admin, product):
    got = data(admin.patch(f"/products/{product['id']}", {"price": 99.99}))
    assert got["price"] == 99.99
    assert got["name"] == product["name"]
    assert got["storage_quantity"] == product["storage_quantity"]


def test_put_replaces_the_whole_product(admin, instance):
    made = instance.new_product(admin, description="alt")
    got = data(admin.put(f"/products/{made['id']}", {"name": "Neu", "price": 1, "storage_quantity": 2}))
    assert (got["name"], got["description"], got["storage_quantity"]) == ("Neu", "", 2)


def test_a_deleted_product_is_gone_from_reads_and_lists(admin, anyone, instance):
    word = "w" + uuid.uuid4().hex[:10]
    made = instance.new_product(admin, name=word)
    path = f"/products/{made['id']}"
    assert len(listed(anyone, f"q={word}")) == 1
    assert "message" in admin.delete(path).json()
    problem(admin.delete(path), 404, "PRODUCT_NOT_FOUND")
    problem(admin.get(path), 404, "PRODUCT_NOT_FOUND")
    eventually(lambda: listed(anyone, f"q={word}") == [])
    eventually(lambda: anyone.get(path).status_code == 404)


def test_the_alias_gives_the_same_list(anyone):
    assert data(anyone.get("/api/articles?limit=3")) == data(anyone.get("/products?limit=3"))


def test_a_page_has_twenty_rows_unless_told_otherwise(anyone, instance, admin):
    in_threads(4, lambda i: [instance.new_product(admin.another()) for _ in range(6)])
    assert len(listed(anyone, "")) == 20
    assert len(listed(anyone, "limit=1")) == 1


def test_the_cursor_walks_over_every_row_once(anyone, shelf):
    word, made = shelf
    seen, path = [], f"/products?q={word}&sort=price&limit=2"
    while path:
        answer = anyone.get(path)
        seen += [row["id"] for row in data(answer)]
        path = next_page(answer)
        path = path and path.replace(anyone.instance.url, "")
    assert seen == [p["id"] for p in made]


def test_pages_by_number_hold_the_same_rows(anyone, shelf):
    word, made = shelf
    rows = [r for n in (1, 2, 3) for r in listed(anyone, f"q={word}&sort=price&limit=3&page={n}")]
    assert [r["id"] for r in rows] == [p["id"] for p in made]


def test_sorting_by_descending_price(anyone, shelf):
    word, made = shelf
    rows = listed(anyone, f"q={word}&sort=-price")
    assert [r["id"] for r in rows] == [p["id"] for p in reversed(made)]


def test_filtering_by_price(anyone, shelf):
    word, made = shelf
    rows = listed(anyone, f"q={word}&min_price=12&max_price=14.00&sort=price")
    assert [r["price"] for r in rows] == [12, 13, 14]


def test_filtering_by_stock(anyone, shelf):
    word, made = shelf
    rows = listed(anyone, f"q={word}&in_stock=true")
    assert {r["id"] for r in rows} == {p["id"] for p in made if p["storage_quantity"] > 0}


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=x", "page=0", "page=-1", "sort=weight", "sort=", "cursor=!!",
     "cursor=AAAA", "min_price=a", "min_price=1.001", "in_stock=maybe", "colour=red", "q=%ff",
     "q=%00", "limit=1&limit=2", "min_price=NaN", "page=99999999999999999999"],
)
def test_a_bad_query_answers_400_naming_the_parameter(anyone, query):
    got = problem(anyone.get("/products?" + query), 400)
    if got["error"]["code"] == "VALIDATION_FAILED":
        assert got["errors"][0]["parameter"] == query.split("=")[0]


def test_the_stock_moves_by_its_delta_and_every_move_is_in_the_ledger(admin, product):
    path = f"/products/{product['id']}/stock"
    assert data(admin.post(path, {"delta": -20, "reason": "casse"}))["storage_quantity"] == 480
    assert data(admin.post(path, {"delta": 5, "reason": "livraison"}))["storage_quantity"] == 485
    rows = data(admin.get(path))
    assert [(r["delta"], r["balance"], r["reason"]) for r in rows] == [
        (5, 485, "livraison"), (-20, 480, "casse"), (500, 500, "created"),
    ]
    assert [r["delta"] for r in data(admin.get(path + "?limit=1"))] == [5]


def test_the_database_itself_refuses_a_negative_stock(instance, product):
    with pytest.raises(pymysql.err.OperationalError):
        instance.rows("products", "UPDATE product SET storage_quantity = -1 WHERE id = %s", product["id"])


def test_the_stock_never_becomes_negative(admin, instance):
    made = instance.new_product(admin, storage_quantity=3)
    path = f"/products/{made['id']}/stock"
    problem(admin.post(path, {"delta": -4, "reason": "vol"}), 409, "STOCK_NEGATIVE")
    assert data(admin.get(f"/products/{made['id']}"))["storage_quantity"] == 3


def test_parallel_takings_never_sell_what_is_not_there(admin, instance):
    made = instance.new_product(admin, storage_quantity=10)
    path = f"/products/{made['id']}/stock"

    def take(i):
        return admin.another().post(path, {"delta": -3, "reason": f"take {i}"}).status_code

    assert sorted(in_threads(8, take)) == [200] * 3 + [409] * 5
    rows = data(admin.get(path))
    assert sum(r["delta"] for r in rows) == 1


@pytest.mark.parametrize("body", [{"delta": 0, "reason": "x"}, {"delta": 1}, {"reason": "x"},
                                  {"delta": 1.5, "reason": "x"}, {"delta": "1", "reason": "x"}])
def test_a_stock_move_needs_a_delta_and_a_reason(admin, product, body):
    problem(admin.post(f"/products/{product['id']}/stock", body), 400, "VALIDATION_FAILED")
