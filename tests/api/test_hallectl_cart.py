"""hallectl cart: an operator compares, repairs, shows and restores carts in an open shop."""

import os
import re
import threading
import uuid

import pytest

import ctl
from harness import PATIENT, data, eventually, in_threads, private_instance, problem
from mirrors import mirror_store
from shoppers import Crowd, disagreements, nothing_was_lost, stores_agree
from test_hallectl_route import post


@pytest.fixture(scope="module")
def instance():
    with private_instance(HALLE_LIMITS="off", **PATIENT) as made:
        yield made


@pytest.fixture(scope="module")
def admin(instance):
    return instance.admin()


def cart(instance, *words, **how):
    return ctl.run(ctl.config_of(instance), "cart", *words, **how)


def numbers(out):
    """{word: count} of the summary."""
    return {word: int(n) for n, word in re.findall(r"(\d+) ([a-z ]+?)(?:,| in )", out.strip().splitlines()[-1])}


def key(customer):
    return f"cart:{customer.user_id}"


def row(instance, customer):
    found = instance.rows("carts", "SELECT version, fence, doc, deleted FROM cart WHERE user_id = %s", customer.user_id)
    return found[0] if found else None


def settled(instance, customer):
    eventually(lambda: customer.user_id not in disagreements(instance))


@pytest.fixture
def filled(instance, customer, product):
    """A cart of version 3 that both stores have."""
    data(customer.add(product["id"], 2), 201)
    data(customer.add(product["id"], 1), 201)
    settled(instance, customer)
    return customer


# -- verify and repair


def test_an_open_shop_is_no_divergence(instance):
    with Crowd(instance) as crowd:
        crowd.wait_for_more(5)
        code, out, err = cart(instance, "verify")
    assert (code, err) == (0, ""), out + err
    found = numbers(out)
    assert found["carts"] == found["equal"] >= 4
    nothing_was_lost(crowd)


def spoil(instance, customer, kind):
    there, mirror = row(instance, customer), instance.mirror()
    slots = {
        "behind": {"v": there["version"] - 1, "f": 0, "d": "[]"},
        "differs": {"d": "[]"},
        "ahead": {"v": there["version"] + 1, "f": there["fence"] + 1, "d": "[]"},
        "prepared": {"pv": there["version"] + 1, "pf": there["fence"], "pd": "[]"},
    }[kind]
    mirror.hset(key(customer), mapping=slots)


def what_both_hold(instance, customer):
    return row(instance, customer), instance.mirror().hgetall(key(customer))


@pytest.mark.parametrize("kind", ["behind", "differs", "prepared"])
def test_a_wrong_cart_is_found_and_repaired(instance, filled, kind):
    spoil(instance, filled, kind)
    before = what_both_hold(instance, filled)
    code, out, err = cart(instance, "verify")
    assert code == 1 and f"user {filled.user_id}: {kind}: " in err
    assert numbers(out)["prepared left" if kind == "prepared" else kind] == 1
    assert what_both_hold(instance, filled) == before
    code, out, err = cart(instance, "repair", "--user", str(filled.user_id))
    assert (code, err) == (0, ""), out + err
    assert filled.user_id not in disagreements(instance)
    assert cart(instance, "verify", "--user", str(filled.user_id))[0] == 0
    assert cart(instance, "repair")[0] == 0


def test_a_cart_that_is_gone_from_the_mirror_is_repaired(instance, filled):
    instance.mirror().delete(key(filled))
    assert cart(instance, "verify", "--user", str(filled.user_id))[0] == 1
    assert cart(instance, "repair")[0] == 0
    assert cart(instance, "verify")[0] == 0


def test_what_was_repaired_stands_in_the_journal_and_the_alarm_in_the_log(instance, filled):
    lines, alarms = len(instance.journal()), instance.metric("halle_mirror_alarms_total", "carts")
    spoil(instance, filled, "differs")
    assert cart(instance, "repair")[0] == 0
    line, = instance.journal()[lines:]
    assert line["outcome"] == "repaired" and line["stage"] == "s_promote" and line["user_id"] == filled.user_id
    assert line["err"]["code"] == "differs" and line["new_version"] == 3
    assert instance.metric("halle_mirror_alarms_total", "carts") == alarms + 1


def test_a_mirror_that_is_ahead_is_told_and_not_touched(instance, filled):
    spoil(instance, filled, "ahead")
    before = what_both_hold(instance, filled)
    for command in ("verify", "repair"):
        code, out, err = cart(instance, command)
        assert code == 1 and f"user {filled.user_id}: ahead: " in err and numbers(out)["ahead"] == 1
    assert what_both_hold(instance, filled) == before
    assert cart(instance, "restore", "--from-mirror")[0] == 0
    assert row(instance, filled)["version"] == 4
    assert cart(instance, "verify")[0] == 0
    assert filled.cart()["items"] == []


def test_a_cart_that_only_the_mirror_has_is_found(instance):
    instance.mirror().hset("cart:987654321", mapping={"v": 1, "f": 1, "d": "[]"})
    try:
        code, _, err = cart(instance, "verify")
        assert code == 1 and "user 987654321: ahead: MariaDB has version 0, the mirror 1" in err
    finally:
        instance.mirror().delete("cart:987654321")


# -- show and rollback


def test_show_puts_both_stores_side_by_side(instance, filled, product):
    spoil(instance, filled, "prepared")
    code, out, err = cart(instance, "show", filled.user_id)
    assert (code, err) == (0, "")
    assert out.startswith(f"user {filled.user_id}: prepared\n")
    assert re.search(r"^version +3 +3 +4$", out, re.M)
    assert re.search(rf"^product {product['id']} +3 x 12\.50 +3 x 12\.50 +-$", out, re.M)
    assert re.search(r"^  3  \S+  201  POST /cart$", out, re.M)
    cart(instance, "repair")
    code, out, _ = cart(instance, "show", filled.user_id, language="fr_FR.UTF-8")
    assert code == 0 and out.startswith(f"utilisateur {filled.user_id} : equal\n")


def test_show_of_nobody_says_so(instance):
    code, out, _ = cart(instance, "show", "123456789")
    assert code == 0 and "no operations" in out
    assert not instance.rows("carts", "SELECT 1 FROM cart WHERE user_id = 123456789")


def test_rollback_makes_a_new_version_with_the_old_lines(instance, filled):
    code, out, err = cart(instance, "rollback", filled.user_id, "2")
    assert (code, err) == (0, ""), err
    assert "version 4 has the lines of version 2: 1 line" in out
    now = filled.cart()
    assert now["version"] == 4 and now["items"][0]["quantity"] == 2
    settled(instance, filled)
    code, _, err = cart(instance, "rollback", filled.user_id, "77")
    assert code == 1 and "VERSION_NOT_FOUND" in err
    assert filled.cart() == now


# -- restore

DRILLS = {
    "the carts": ("TRUNCATE cart",),
    "the carts and their history": ("TRUNCATE cart", "TRUNCATE cart_op"),
    "everything": ("TRUNCATE cart", "TRUNCATE cart_op", "DROP SEQUENCE cart_fence",
                   "CREATE SEQUENCE cart_fence START WITH 1 INCREMENT BY 1 CACHE 1000"),
}


def execute(instance, *statements):
    with instance.database("carts") as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def all_carts(instance):
    return {r["user_id"]: r for r in instance.rows("carts", "SELECT user_id, version, fence, doc, deleted FROM cart")}


def drill(instance, lost):
    product = instance.new_product(instance.admin())
    with Crowd(instance, users=3) as crowd:
        crowd.wait_for_more(5)
    deleted = instance.new_user()
    data(deleted.add(product["id"]), 201)
    data(deleted.delete(f"/paniers/delete_cart/{deleted.user_id}"))
    stores_agree(instance)
    before = all_carts(instance)
    execute(instance, *DRILLS[lost])
    shopper = crowd.members[0]
    problem(shopper.client.add(crowd.products[0]), 503)
    assert cart(instance, "verify")[0] == 1
    code, out, err = cart(instance, "restore", "--from-mirror")
    assert (code, err) == (0, ""), out + err
    assert numbers(out)["restored"] == len(before)
    assert all_carts(instance) == before
    assert cart(instance, "verify")[0] == 0
    code, out, err = cart(instance, "restore", "--from-mirror")
    assert (code, err) == (0, "") and numbers(out)["restored"] == 0
    assert all_carts(instance) == before
    problem(deleted.get("/cart"), 404, "CART_NOT_FOUND")
    answer = shopper.client.add(crowd.products[0])
    assert data(answer, 201)["version"] == before[shopper.client.user_id]["version"] + 1
    newcomer = instance.new_user()
    data(newcomer.add(product["id"]), 201)
    stores_agree(instance)
    assert not disagreements(instance)
    ops = instance.rows("carts", "SELECT version, route FROM cart_op WHERE user_id = %s ORDER BY version DESC LIMIT 2",
                        shopper.client.user_id)
    if lost != "the carts":
        assert ops[1]["route"] == "hallectl cart restore"


@pytest.mark.parametrize("lost", DRILLS, ids=lambda name: name.replace(" ", "-"))
def test_carts_that_mariadb_lost_come_back_as_they_were(instance, lost):
    drill(instance, lost)


def test_the_second_kind_of_mirror_brings_them_back_too():
    with private_instance(HALLE_LIMITS="off", HALLE_MIRROR="mariadb", **PATIENT) as other:
        drill(other, "everything")
        customer = other.new_user()
        data(customer.add(other.new_product(other.admin())["id"], 2), 201)
        stores_agree(other)
        mirror_store(other).put(customer.user_id, d="[]")
        code, out, err = cart(other, "verify")
        assert code == 1 and f"user {customer.user_id}: differs: " in err
        assert cart(other, "repair")[0] == 0 and cart(other, "verify")[0] == 0
        code, out, _ = cart(other, "show", customer.user_id)
        assert code == 0 and re.search(r"^version +2 +2 +-$", out, re.M)


def test_a_lost_table_is_filled_while_the_shop_writes(instance, product):
    """Nobody's acknowledged write is lost, whenever the loss and the restore come by."""
    customers = [instance.new_user() for _ in range(3)]
    written = threading.Barrier(4)

    def add(customer):
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        eventually(lambda: customer.add(product["id"], 1, headers=headers).status_code == 201, 60)

    def write(i):
        if i == 3:
            written.wait(60)
            execute(instance, "TRUNCATE cart")
            return eventually(lambda: cart(instance, "restore", "--from-mirror")[0] == 0, 60)
        for n in range(40):
            if n == 10:
                written.wait(60)
            add(customers[i])

    in_threads(4, write)
    stores_agree(instance)
    assert cart(instance, "restore", "--from-mirror")[0] == 0
    for customer in customers:
        now = customer.cart()
        assert now["items"][0]["quantity"] == 40 and now["version"] == 41
    assert cart(instance, "verify")[0] == 0


def test_a_newer_version_is_never_overwritten(instance, filled, product):
    """MariaDB went back by a backup; another cart went on since."""
    older = row(instance, filled)
    data(filled.add(product["id"], 4), 201)
    data(filled.add(product["id"], 1), 201)
    settled(instance, filled)
    newest = row(instance, filled)
    execute(instance, "UPDATE cart SET version = {version}, fence = {fence}, doc = '{doc}' WHERE user_id = {user}".format(
        user=filled.user_id, **older), f"DELETE FROM cart_op WHERE user_id = {filled.user_id} AND version > 3")
    other = instance.new_user()
    data(other.add(product["id"], 1), 201)
    before = row(instance, other)
    code, out, err = cart(instance, "restore", "--from-mirror")
    assert (code, err) == (0, ""), err
    assert numbers(out)["restored"] == 1
    assert row(instance, filled) == newest and row(instance, other) == before
    stores_agree(instance)


def left_unsettled(instance, customer, product):
    """The last write is in the prepared slot only, as if its PROMOTE had not come."""
    before = row(instance, customer)
    data(customer.add(product["id"], 7), 201)
    settled(instance, customer)
    now, mirror = row(instance, customer), instance.mirror()
    mirror.hset(key(customer), mapping={"v": before["version"], "f": before["fence"], "d": before["doc"],
                                        "pv": now["version"], "pf": now["fence"], "pd": now["doc"]})
    return before, now


def test_an_acknowledged_write_that_was_only_prepared_is_not_lost(instance, filled, product):
    _, now = left_unsettled(instance, filled, product)
    execute(instance, *DRILLS["everything"])
    code, out, err = cart(instance, "restore", "--from-mirror")
    assert code == 0 and f"user {filled.user_id}: prepared: version 0 in MariaDB, now 4" in err
    assert "may have been refused" in out
    assert row(instance, filled) == now
    stores_agree(instance)
    assert not disagreements(instance)


def test_what_was_only_prepared_can_be_left_out(instance, filled, product):
    before, _ = left_unsettled(instance, filled, product)
    execute(instance, *DRILLS["everything"])
    assert cart(instance, "restore", "--from-mirror", "--committed-only")[0] == 0
    assert row(instance, filled) == before
    stores_agree(instance)
    assert not disagreements(instance)


def test_history_that_is_there_tells_which_prepared_write_counts(instance, filled, product):
    """Of two carts with a prepared state, the one whose operation is known was written."""
    _, written = left_unsettled(instance, filled, product)
    other = instance.new_user()
    data(other.add(product["id"], 1), 201)
    settled(instance, other)
    refused = row(instance, other)
    spoil(instance, other, "prepared")
    execute(instance, "TRUNCATE cart")
    assert cart(instance, "restore", "--from-mirror")[0] == 0
    assert row(instance, filled) == written and row(instance, other) == refused
    assert cart(instance, "verify")[0] == 0


def test_in_a_sound_shop_a_refused_write_does_not_come_back(instance, filled):
    before = row(instance, filled)
    spoil(instance, filled, "prepared")
    code, out, err = cart(instance, "restore", "--from-mirror")
    assert (code, err) == (0, "") and numbers(out)["restored"] == 0
    assert row(instance, filled) == before
    assert cart(instance, "repair")[0] == 0


def test_what_is_no_cart_in_the_mirror_is_not_written(instance, filled):
    there = row(instance, filled)
    instance.mirror().hset(key(filled), mapping={"v": 9, "f": there["fence"] + 9, "d": "rubbish"})
    code, _, err = cart(instance, "restore", "--from-mirror")
    assert code == 1 and f"user {filled.user_id}: bad: " in err
    assert row(instance, filled) == there
    instance.mirror().delete(key(filled))
    assert cart(instance, "repair")[0] == 0


# -- how it is called


COMMANDS = ("verify", "repair", "show", "rollback", "restore", "replay")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_in_two_languages(instance, command):
    english = cart(instance, command, "--help")
    french = cart(instance, command, "--help", language="fr_FR.UTF-8")
    assert english[0] == french[0] == 0
    assert english[1].startswith(f"usage: hallectl cart {command}") and french[1].startswith("usage : hallectl cart")
    assert english[1] != french[1] and max(map(len, (english[1] + french[1]).splitlines())) <= 110


@pytest.mark.parametrize("words", [("verify", "x"), ("verify", "--user", "x"), ("verify", "--user", "0"), ("show",),
                                   ("show", "-1"), ("show", "9" * 19), ("rollback", "1"), ("restore",), ("replay",)])
def test_wrong_usage_ends_with_2(instance, words):
    code, out, err = cart(instance, *words)
    assert code == 2 and out == "" and err.startswith("hallectl: ")


@pytest.mark.skipif("HALLE_LONG" not in os.environ, reason="hallectl is patient; HALLE_LONG=1 runs it")
def test_a_mirror_that_is_away_is_told(instance, filled):
    instance.stop("redis")
    try:
        code, _, err = cart(instance, "verify")
        assert code == 1 and "carts answered 503 SERVICE_UNAVAILABLE" in err
    finally:
        instance.start_redis()
    eventually(lambda: cart(instance, "verify")[0] == 0, 60)


STEPS = ("verify", "inspect", "restore", "replay", "rollback")


@pytest.mark.parametrize("step", STEPS)
def test_nobody_else_may_do_that(instance, monkeypatch, unharmed, step):
    monkeypatch.setattr("test_hallectl_route.PATH", f"/internal/carts/{step}")
    for caller in ("carts", "users", "auth", "orders"):
        status, answer = post(instance, {}, caller=caller, audience="carts")
        assert (status, answer["error"]["code"]) == (403, "FORBIDDEN")
    assert post(instance, {}, audience="users")[0] == 401
    problem(instance.client().post(f"/internal/carts/{step}", {}), 404)


@pytest.mark.parametrize("step, body", [
    ("verify", {"after": "x"}), ("verify", {"after": "rows:"}), ("verify", {"after": "rows:1 "}),
    ("verify", {"user_id": 0}), ("verify", {"repair": 1}), ("verify", {"x": 1}), ("inspect", {}),
    ("restore", {"after": "mirror:-1"}), ("restore", {"fence": -1}), ("replay", {}), ("rollback", {"user_id": 1}),
])
def test_a_step_with_a_wrong_body_changes_nothing(instance, monkeypatch, unharmed, step, body):
    monkeypatch.setattr("test_hallectl_route.PATH", f"/internal/carts/{step}")
    before = instance.checksum("carts")
    status, answer = post(instance, body, audience="carts")
    assert status == 400 and answer["errors"]
    assert instance.checksum("carts") == before


def test_parallel_runs_do_not_disturb_each_other(instance, filled):
    spoil(instance, filled, "differs")
    results = in_threads(3, lambda i: cart(instance, "repair"))
    assert [code for code, _, _ in results] == [0, 0, 0]
    assert filled.user_id not in disagreements(instance)
