"""The reconciler: everything compared when it starts, an emptied mirror filled, alarms once."""

import json
import os
import time

import pytest

from harness import PATIENT, data, eventually, kill, private_instance
from shoppers import Crowd, disagreements, nothing_was_lost, stores_agree

CARTS = 10000
LIVES = 5 if os.environ.get("HALLE_LONG") else 1
FIRST = 5_000_000  # above all real users


@pytest.fixture(scope="module")
def instance():
    with private_instance(HALLE_LIMITS="off", **PATIENT) as made:
        yield made


@pytest.fixture(scope="module")
def admin(instance):
    return instance.admin()


def execute(instance, *statements):
    with instance.database("carts") as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def events(instance, event):
    lines = (instance.var / "log/carts.log").read_text().splitlines()
    return [json.loads(line) for line in lines if f'"event":"{event}"' in line]


def next_scan(instance):
    """The end of a full comparison by a process that takes the lease over; its log line."""
    before = len(events(instance, "mirror.scanned"))
    execute(instance, "UPDATE lease SET owner = 'nobody', until_at = NOW(6) - INTERVAL 1 SECOND, scanned_at = NULL")
    told = eventually(lambda: events(instance, "mirror.scanned")[before:], 60)[-1]
    eventually(lambda: instance.rows("carts", "SELECT scanned_at FROM lease")[0]["scanned_at"])  # told first
    return told


def alarms(instance):
    return instance.metric("halle_mirror_alarms_total", "carts")


def diverged(instance):
    return instance.metric("halle_mirror_diverged_total", "carts")


@pytest.fixture
def filled(instance, customer, product):
    data(customer.add(product["id"], 2), 201)
    eventually(lambda: customer.user_id not in disagreements(instance))
    return customer


def test_the_service_compares_everything_when_it_starts(instance):
    first = eventually(lambda: events(instance, "mirror.scanned"))[0]
    assert first["different"] == 0
    assert eventually(lambda: instance.rows("carts", "SELECT scanned_at FROM lease")[0]["scanned_at"])


def test_what_differs_at_one_version_is_repaired_and_an_alarm_once(instance, filled):
    told, metric, found = len(events(instance, "mirror.alarm")), alarms(instance), diverged(instance)
    instance.mirror().hset(f"cart:{filled.user_id}", "d", "[]")
    assert next_scan(instance)["different"] == 1
    stores_agree(instance)
    assert not disagreements(instance)
    line, = events(instance, "mirror.alarm")[told:]
    assert line["level"] == "error" and line["what"] == "contents differ" and line["user"] == filled.user_id
    assert alarms(instance) == metric + 1 and diverged(instance) == found + 1
    assert next_scan(instance)["different"] == 0
    assert len(events(instance, "mirror.alarm")) == told + 1


def test_a_mirror_that_is_ahead_is_an_alarm_once_and_is_not_touched(instance, filled):
    key, there = f"cart:{filled.user_id}", filled.cart()["version"]
    told = len(events(instance, "mirror.alarm"))
    mirror = instance.mirror()
    mirror.hset(key, mapping={"v": there + 2, "pv": there + 3, "pf": 1, "pd": "[]"})
    mirror.sadd("cart:pending", filled.user_id)
    passes = lambda: instance.metric("halle_mirror_pass_timestamp_seconds", "carts")
    eventually(lambda: events(instance, "mirror.alarm")[told:])
    assert next_scan(instance)["different"] >= 1
    since = passes()
    eventually(lambda: passes() > since + 2)
    lines = events(instance, "mirror.alarm")[told:]
    assert {line["user"] for line in lines} == {filled.user_id}
    # once by the process that had the lease, once by another that took it over
    assert len(lines) <= 2 and "restore --from-mirror" in lines[0]["what"]
    assert mirror.hget(key, "v") == str(there + 2) and mirror.hget(key, "pv") == str(there + 3)
    mirror.delete(key)
    mirror.srem("cart:pending", filled.user_id)
    next_scan(instance)
    assert not disagreements(instance)


def test_the_mirror_keeps_what_mariadb_may_have_lost(instance, filled):
    """A prepared state whose attempt MariaDB's sequence does not know is not taken back."""
    mirror, key = instance.mirror(), f"cart:{filled.user_id}"
    there = filled.cart()["version"]
    slots = {"pv": str(there + 1), "pf": "4000000000", "pd": "[]", "mf": "4000000000"}
    mirror.hset(key, mapping=slots)
    mirror.sadd("cart:pending", filled.user_id)
    eventually(lambda: any(line["user"] == filled.user_id for line in events(instance, "mirror.alarm")))
    next_scan(instance)
    assert {k: mirror.hget(key, k) for k in slots} == slots
    mirror.hset(key, "mf", "1")
    mirror.hset(key, "pf", "1")
    stores_agree(instance)
    assert not disagreements(instance)


def test_processes_that_come_and_go_do_not_compare_for_ever(instance):
    next_scan(instance)
    before = len(events(instance, "mirror.scan"))
    for _ in range(LIVES):
        owner = instance.rows("carts", "SELECT owner FROM lease")[0]["owner"]
        kill(int(owner.split("-")[0]))
        eventually(lambda: instance.rows("carts", "SELECT owner FROM lease")[0]["owner"] != owner)
    assert len(events(instance, "mirror.scan")) == before


def test_the_lag_can_be_watched(instance, filled):
    text = instance.watcher.get("/metrics").text
    assert "# TYPE halle_mirror_pending gauge\n" in text and "# TYPE halle_mirror_repairs_total counter\n" in text
    eventually(lambda: instance.metric("halle_mirror_pending", "carts") == 0)
    passed = instance.metric("halle_mirror_pass_timestamp_seconds", "carts")
    print(f"last pass {time.time() - passed:.0f} s ago")
    eventually(lambda: instance.metric("halle_mirror_pass_timestamp_seconds", "carts") > passed)


def many_carts(instance):
    execute(instance, f"""INSERT INTO cart (user_id, version, fence, doc)
        SELECT {FIRST} + a.n * 100 + b.n, 1, 1, CONCAT('[{{"p":', 1 + b.n, ',"q":2,"c":', a.n, '}}]')
        FROM (WITH RECURSIVE s (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < 99) SELECT n FROM s) a,
        (WITH RECURSIVE s (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < 99) SELECT n FROM s) b""")
    assert instance.rows("carts", f"SELECT COUNT(*) AS n FROM cart WHERE user_id >= {FIRST}")[0]["n"] == CARTS


def filled_again(instance):
    """All of many_carts, and every field of them."""
    wanted = {row["user_id"]: {"v": "1", "f": "1", "d": row["doc"]} for row in
              instance.rows("carts", f"SELECT user_id, doc FROM cart WHERE user_id >= {FIRST}")}
    with instance.mirror().pipeline(transaction=False) as many:
        for user in wanted:
            many.hgetall(f"cart:{user}")
        return dict(zip(wanted, many.execute())) == wanted


def test_an_emptied_mirror_is_filled_again_while_the_shop_serves(instance, product):
    """FLUSHALL leaves Redis' run id as it is: only the mark of a complete mirror is gone."""
    many_carts(instance)
    reader = instance.new_user()
    data(reader.add(product["id"], 5), 201)
    wanted = reader.cart()
    with Crowd(instance, users=3) as crowd:
        rebuilt = len(events(instance, "mirror.verified"))
        began = time.monotonic()
        instance.mirror().flushall()
        while len(events(instance, "mirror.verified")) == rebuilt:
            assert reader.cart() == wanted
            assert time.monotonic() < began + 60, "not filled again"
        assert "v" in instance.mirror().hgetall(f"cart:{FIRST + CARTS - 1}")
        print(f"{CARTS} carts were in the mirror again after {time.monotonic() - began:.2f} s (promised: 10 s)")
        crowd.wait_for_more(5)
    nothing_was_lost(crowd)
    assert filled_again(instance)
    execute(instance, f"DELETE FROM cart WHERE user_id >= {FIRST}")
    instance.mirror().delete(*[f"cart:{FIRST + n}" for n in range(CARTS)])
    stores_agree(instance)
