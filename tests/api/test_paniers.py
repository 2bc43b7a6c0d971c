"""Carts under /paniers: the same carts, by the paths and members that their users know."""

import time
import uuid

import pytest

import tokens
from harness import data, eventually, in_threads, problem
from shoppers import stores_agree


class Panier:
    """A caller and whose cart he asks for."""

    def __init__(self, client, user_id=None):
        self.client, self.user_id = client, user_id or client.user_id

    def at(self, *parts):
        return "/paniers/" + "/".join(map(str, parts))

    def show(self, **kw):
        return self.client.get(self.at(self.user_id), **kw)

    def create(self, **kw):
        return self.client.post(self.at("create_cart", self.user_id), **kw)

    def add(self, article, **kw):
        return self.article("add_to_cart", article, **kw)

    def edit(self, article, **kw):
        return self.article("edit_cart", article, **kw)

    def remove(self, article, **kw):
        return self.article("remove_from_cart", article, **kw)

    def article(self, verb, article, headers=None, **members):
        body = {"article_id": article, **members}
        return self.client.patch(self.at(verb, self.user_id), body, headers=headers)

    def empty(self, **kw):
        return self.client.delete(self.at("vider_panier", self.user_id), **kw)

    def delete(self, **kw):
        return self.client.delete(self.at("delete_cart", self.user_id), **kw)

    def history(self, **kw):
        return self.client.get(self.at(self.user_id, "history"), **kw)

    def rollback(self, version, **kw):
        return self.client.post(self.at(self.user_id, "rollback"), {"version": version}, **kw)

    def all_of_them(self, article):
        """One request of each kind, as (name, answer)."""
        return [
            ("show", self.show()), ("create", self.create()), ("add", self.add(article)),
            ("edit", self.edit(article, quantite=2)), ("remove", self.remove(article)), ("empty", self.empty()),
            ("history", self.history()), ("rollback", self.rollback(1)), ("delete", self.delete()),
        ]


@pytest.fixture
def panier(customer):
    return Panier(customer)


@pytest.fixture
def article(product):
    return product["id"]


def lines(cart):
    return {line["product_id"]: line["quantity"] for line in cart["items"]}


def row(instance, user_id):
    rows = instance.rows("carts", "SELECT * FROM cart WHERE user_id = %s", user_id)
    return rows[0] if rows else None


def key():
    return {"Idempotency-Key": uuid.uuid4().hex}


# -- the same cart


def test_the_cart_is_the_one_of_cart(panier, customer, article):
    data(customer.add(article, 2), 201)
    shown = panier.show()
    assert data(shown) == customer.cart() and shown.headers["ETag"] == customer.get("/cart").headers["ETag"]
    assert panier.show(headers={"If-None-Match": shown.headers["ETag"]}).status_code == 304


def test_adding_editing_removing_emptying(instance, panier, article):
    answer = panier.add(article, quantite=2)
    assert lines(data(answer, 201)) == {article: 2}
    assert answer.headers["Location"] == f"/paniers/{panier.user_id}"
    assert lines(data(panier.add(article, quantite=3), 201)) == {article: 5}
    assert lines(data(panier.edit(article, quantite=4))) == {article: 4}
    assert lines(data(panier.remove(article))) == {}
    data(panier.add(article), 201)
    assert lines(data(panier.edit(article, quantite=0))) == {}
    data(panier.add(article, quantite=2), 201)
    cart = data(panier.empty())
    assert cart["items"] == [] and cart == data(panier.show())
    stores_agree(instance)


def test_a_quantity_that_is_left_out_is_1(panier, article):
    assert lines(data(panier.add(article), 201)) == {article: 1}
    data(panier.add(article, quantite=5), 201)
    assert lines(data(panier.edit(article))) == {article: 1}


def test_removing_takes_the_whole_line_whatever_the_quantity(panier, article):
    data(panier.add(article, quantite=5), 201)
    assert lines(data(panier.remove(article, quantite=2))) == {}


@pytest.mark.parametrize("verb, status", [("add_to_cart", 201), ("edit_cart", 200), ("remove_from_cart", 200)])
def test_members_have_their_names_of_cart_too(panier, customer, article, verb, status):
    data(panier.add(article), 201)
    body = {"product_id": article, "quantity": 1}
    data(customer.patch(panier.at(verb, panier.user_id), body), status)


@pytest.mark.parametrize("verb", ["add_to_cart", "edit_cart", "remove_from_cart"])
@pytest.mark.parametrize(
    "body, pointer",
    [({}, "article_id"), ({"quantite": 1}, "article_id"), ({"article_id": "1"}, "article_id"),
     ({"article_id": 0}, "article_id"), ({"article_id": 2**63}, "article_id"), ({"article_id": 1.5}, "article_id"),
     ({"article_id": 1, "product_id": 1}, "product_id"), ({"article_id": 1, "quantite": -1}, "quantite"),
     ({"article_id": 1, "quantite": 1000}, "quantite"), ({"article_id": 1, "quantite": 1.5}, "quantite"),
     ({"article_id": 1, "quantite": "2"}, "quantite"), ({"article_id": 1, "quantite": None}, "quantite"),
     ({"article_id": 1, "quantite": 1, "quantity": 1}, "quantity"), ({"article_id": 1, "prix": 0}, "prix")],
)
def test_a_bad_body_is_refused_by_the_members_name(panier, customer, verb, body, pointer):
    got = problem(customer.patch(panier.at(verb, panier.user_id), body), 400, "VALIDATION_FAILED")
    assert [error["pointer"] for error in got["errors"]] == [f"#/{pointer}"]
    assert customer.cart()["version"] == 1


def test_what_cannot_be_added_or_is_not_there(panier, article):
    before = data(panier.show())
    problem(panier.add(9007199254740993), 400, "PRODUCT_NOT_FOUND")
    problem(panier.add(article, quantite=501), 400, "OUT_OF_STOCK")
    problem(panier.add(article, quantite=0), 400, "VALIDATION_FAILED")
    problem(panier.edit(article, quantite=2), 404, "CART_ITEM_NOT_FOUND")
    problem(panier.edit(article, quantite=0), 404, "CART_ITEM_NOT_FOUND")
    problem(panier.remove(article), 404, "CART_ITEM_NOT_FOUND")
    assert data(panier.show()) == before


def test_more_than_999_in_two_steps_names_the_quantity(instance, admin, panier):
    plenty = instance.new_product(admin, storage_quantity=5000)["id"]
    data(panier.add(plenty, quantite=999), 201)
    got = problem(panier.add(plenty, quantite=1), 400, "VALIDATION_FAILED")
    assert [(e["pointer"], e["code"]) for e in got["errors"]] == [("#/quantite", "max")]


def test_an_id_that_is_none_is_told(customer):
    for path in ("/paniers/x", "/paniers/0", "/paniers/1.5", "/paniers/-1", "/paniers/x/history"):
        problem(customer.get(path), 400, "INVALID_ID")
    problem(customer.delete("/paniers/delete_cart/1'; DROP TABLE cart"), 400, "INVALID_ID")
    problem(customer.post("/paniers/rollback"), 400, "INVALID_ID")
    problem(customer.post(f"/paniers/{customer.user_id}"), 405, "METHOD_NOT_ALLOWED")


def test_thirty_two_parallel_additions_are_all_kept(instance, panier, article):
    answers = in_threads(32, lambda i: Panier(panier.client.another()).add(article))
    versions = sorted(data(answer, 201)["version"] for answer in answers)
    assert versions == list(range(2, 34))
    assert lines(data(panier.show())) == {article: 32}
    stores_agree(instance)


# -- whose it is


def test_another_users_cart_does_not_exist(instance, panier, other, article):
    data(panier.add(article), 201)
    before = row(instance, panier.user_id)
    nowhere = Panier(other, 2**62)
    for (name, answer), (_, absent) in zip(
        Panier(other, panier.user_id).all_of_them(article), nowhere.all_of_them(article)
    ):
        got, wanted = (problem(a, 404, "CART_NOT_FOUND") for a in (answer, absent))
        assert got["detail"] == wanted["detail"], name
    # nothing else is said first
    problem(other.patch(panier.at("add_to_cart", panier.user_id), {"x": 1}), 404, "CART_NOT_FOUND")
    problem(other.post(panier.at(panier.user_id, "rollback"), {"x": 1}), 404, "CART_NOT_FOUND")
    assert row(instance, panier.user_id) == before and row(instance, 2**62) is None


def test_without_a_token_nothing_is_answered(anyone, panier, article):
    for name, answer in Panier(anyone, panier.user_id).all_of_them(article):
        problem(answer, 401, "UNAUTHENTICATED")


def test_an_admin_keeps_the_cart_of_a_user(instance, admin, panier, article):
    keeper = Panier(admin, panier.user_id)
    cart = data(keeper.add(article, quantite=2), 201)
    assert cart["user_id"] == panier.user_id and data(panier.show()) == cart
    assert data(keeper.history()) == data(panier.history())
    for name, answer in keeper.all_of_them(article):
        assert answer.status_code in (200, 201), (name, answer.text)
    problem(panier.show(), 404, "CART_NOT_FOUND")
    stores_agree(instance)


def test_an_admin_makes_no_cart_without_an_account(instance, admin, article):
    user_id = 2**62 + 1
    for name, answer in Panier(admin, user_id).all_of_them(article):
        problem(answer, 404, "CART_NOT_FOUND")
    assert row(instance, user_id) is None
    assert instance.rows("carts", "SELECT * FROM cart_op WHERE user_id = %s", user_id) == ()
    stores_agree(instance)


def test_keys_of_an_admin_and_of_the_owner_do_not_meet(admin, panier, article):
    same = key()
    data(panier.add(article, quantite=2, headers=same), 201)
    answer = Panier(admin, panier.user_id).add(article, quantite=3, headers=same)
    assert lines(data(answer, 201)) == {article: 5} and "Idempotent-Replayed" not in answer.headers


def test_an_admins_key_is_for_one_cart(admin, panier, other, article):
    same = key()
    data(Panier(admin, panier.user_id).add(article, headers=same), 201)
    problem(Panier(admin, other.user_id).add(article, headers=same), 422, "IDEMPOTENCY_KEY_REUSED")
    assert other.cart()["items"] == []


# -- making and deleting


def test_creating_what_is_there_changes_nothing(panier, customer, article):
    data(customer.add(article, 2), 201)
    before = customer.cart()
    answer = panier.create()
    assert data(answer) == before and answer.headers["ETag"] == f'"{before["version"]}"'
    assert customer.cart() == before
    problem(panier.create(headers={"If-Match": '"1"'}), 412, "PRECONDITION_FAILED")


@pytest.mark.parametrize("sent", [{}, {"json": {}}, {"data": b"{}"}])
def test_creating_takes_no_body_or_an_empty_one(panier, customer, sent):
    data(customer.request("POST", panier.at("create_cart", panier.user_id), **sent))
    problem(customer.post(panier.at("create_cart", panier.user_id), {"items": []}), 400, "VALIDATION_FAILED")


def test_a_deleted_cart_is_not_there_until_it_is_made_again(instance, panier, customer, article):
    data(panier.add(article, quantite=2), 201)
    gone = data(panier.delete())
    assert gone["version"] == 3 and gone["items"] == []
    assert row(instance, panier.user_id)["deleted"] == 1
    stores_agree(instance)
    for answer in (panier.show(), customer.get("/cart"), panier.edit(article, quantite=2), panier.remove(article),
                   panier.empty(), panier.delete(), customer.delete("/cart"),
                   customer.patch(f"/cart/items/{article}", {"quantity": 1})):
        problem(answer, 404, "CART_NOT_FOUND")
    made = panier.create()
    assert data(made, 201) == {**gone, "version": 4} == data(panier.show())
    assert made.headers["Location"] == f"/paniers/{panier.user_id}" and row(instance, panier.user_id)["deleted"] == 0
    stores_agree(instance)


@pytest.mark.parametrize("path", ["/cart", "/paniers"])
def test_adding_makes_a_deleted_cart_again(instance, panier, customer, article, path):
    data(panier.add(article, quantite=2), 201)
    data(panier.delete())
    cart = data(customer.add(article) if path == "/cart" else panier.add(article), 201)
    assert lines(cart) == {article: 1} and cart["version"] == 4 and customer.cart() == cart
    stores_agree(instance)


def test_a_deleted_cart_can_be_gone_back_to(instance, panier, article):
    data(panier.add(article, quantite=2), 201)
    data(panier.delete())
    assert [v["deleted"] for v in data(panier.history())] == [True, False, False]
    assert lines(data(panier.rollback(2))) == {article: 2} == lines(data(panier.show()))
    # of a deleted version the lines are taken: none
    assert data(panier.rollback(3))["items"] == [] == data(panier.show())["items"]
    stores_agree(instance)


def tell(instance, sender, kind, user_id, event_id=None):
    assert tokens.tell(instance, sender, "carts", kind, {"user_id": user_id}, event_id) == 204


@pytest.mark.parametrize("deleted_before", [False, True])
def test_a_cart_that_went_with_its_account_never_comes_back(
    instance, admin, panier, customer, article, deleted_before
):
    data(panier.add(article), 201)
    if deleted_before:
        data(panier.delete())
    tell(instance, "users", "user.deleted", panier.user_id)
    gone = row(instance, panier.user_id)
    assert gone["deleted"] == 2 and gone["doc"] == '"gone"'
    for who in (panier, Panier(admin, panier.user_id)):
        for name, answer in who.all_of_them(article):
            problem(answer, 404, "CART_NOT_FOUND")
    problem(customer.add(article), 404, "CART_NOT_FOUND")
    problem(panier.add(article, headers=key()), 404, "CART_NOT_FOUND")
    for _ in range(2):
        tell(instance, "auth", "user.created", panier.user_id)
        tell(instance, "users", "user.deleted", panier.user_id)
    assert row(instance, panier.user_id) == gone
    stores_agree(instance)


def uuid7_of(seconds_ago):
    milliseconds = int((time.time() - seconds_ago) * 1000)
    return str(uuid.UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | uuid.uuid4().int & (1 << 60) - 1))


def test_nor_when_its_tombstone_is_gone_and_the_news_comes_then(instance, panier):
    tell(instance, "users", "user.deleted", panier.user_id)
    instance.rows(
        "carts", "UPDATE cart SET updated_at = UTC_TIMESTAMP(6) - INTERVAL 8 DAY WHERE user_id = %s", panier.user_id
    )
    eventually(lambda: row(instance, panier.user_id) is None)
    tell(instance, "auth", "user.created", panier.user_id, uuid7_of(8 * 86400))
    assert row(instance, panier.user_id) is None
    # news of today is news
    newcomer = 2**61 + int(time.time())
    tell(instance, "auth", "user.created", newcomer, uuid7_of(60))
    assert row(instance, newcomer)["version"] == 1
    stores_agree(instance)


def test_a_cart_that_its_owner_deleted_is_not_forgotten(instance, panier, article):
    data(panier.add(article), 201)
    data(panier.delete())
    instance.rows(
        "carts", "UPDATE cart SET updated_at = UTC_TIMESTAMP(6) - INTERVAL 100 DAY WHERE user_id = %s", panier.user_id
    )
    other = Panier(instance.new_user())
    tell(instance, "users", "user.deleted", other.user_id)
    instance.rows(
        "carts", "UPDATE cart SET updated_at = UTC_TIMESTAMP(6) - INTERVAL 99 DAY WHERE user_id = %s", other.user_id
    )
    eventually(lambda: row(instance, other.user_id) is None)
    assert row(instance, panier.user_id)["deleted"] == 1
    assert data(panier.create(), 201)["version"] == 4


def test_deleting_a_user_deletes_his_cart_for_good(instance, admin, panier, article):
    data(panier.add(article), 201)
    assert admin.delete(f"/users/{panier.user_id}").status_code == 200
    eventually(lambda: row(instance, panier.user_id)["deleted"] == 2)
    problem(Panier(admin, panier.user_id).create(), 404, "CART_NOT_FOUND")


# -- versions and keys


def writes(panier, article):
    """(name, status, a write that takes headers, what must have been done before)."""
    def put():
        data(panier.add(article, quantite=3), 201)

    def deleted():
        put()
        data(panier.delete())

    return {
        "add": (201, lambda h: panier.add(article, quantite=2, headers=h), put),
        "edit": (200, lambda h: panier.edit(article, quantite=2, headers=h), put),
        "remove": (200, lambda h: panier.remove(article, headers=h), put),
        "empty": (200, lambda h: panier.empty(headers=h), put),
        "delete": (200, lambda h: panier.delete(headers=h), put),
        "create": (201, lambda h: panier.create(headers=h), deleted),
        "rollback": (200, lambda h: panier.rollback(2, headers=h), deleted),
    }


KINDS = ["add", "edit", "remove", "empty", "delete", "create", "rollback"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_repeated_key_gets_the_same_answer_and_writes_once(instance, panier, article, kind):
    status, write, before = writes(panier, article)[kind]
    before()
    same = key()
    first = write(same)
    version = data(first, status)["version"]
    assert first.headers["ETag"] == f'"{version}"'
    for _ in range(2):
        again = write(same)
        assert again.content == first.content and again.status_code == status
        assert again.headers["Idempotent-Replayed"] == "true"
        assert [again.headers.get(n) for n in ("ETag", "Location")] == [
            first.headers.get(n) for n in ("ETag", "Location")
        ]
    assert row(instance, panier.user_id)["version"] == version
    stores_agree(instance)


@pytest.mark.parametrize("kind", KINDS)
def test_a_stale_version_answers_412_with_the_current_cart(instance, panier, article, kind):
    status, write, before = writes(panier, article)[kind]
    before()
    there = row(instance, panier.user_id)
    got = problem(write({"If-Match": '"1"'}), 412, "PRECONDITION_FAILED")
    assert got["current"]["version"] == there["version"] and got["current"]["user_id"] == panier.user_id
    assert row(instance, panier.user_id) == there
    data(write({"If-Match": f'"{there["version"]}"'}), status)
    stores_agree(instance)


def test_the_same_key_on_another_path_is_another_request(panier, customer, article):
    same = key()
    data(customer.add(article, headers=same), 201)
    problem(panier.add(article, headers=same), 422, "IDEMPOTENCY_KEY_REUSED")
