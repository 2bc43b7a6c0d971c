"""The cart mirror, in Redis and in a second MariaDB server: both stores or neither, whatever breaks."""

import json
import signal
import time

import pytest

from harness import data, eventually, in_threads, kill, private_instance, problem
from mirrors import mirror_store, no_reconciler
from shoppers import Crowd, nothing_was_lost, stores_agree
from stores import castagnoli


@pytest.fixture(scope="module", params=["redis", "mariadb"])
def instance(request):
    with private_instance(HALLE_LIMITS="off", HALLE_MIRROR=request.param) as made:
        yield made


@pytest.fixture
def mirror(instance):
    return mirror_store(instance)


@pytest.fixture(scope="module")
def admin(instance):
    return instance.admin()


def stored(instance, customer):
    return instance.rows("carts", "SELECT * FROM cart WHERE user_id = %s", customer.user_id)


def test_after_mixed_writes_mirror_and_database_hold_the_same(instance):
    with Crowd(instance, users=3) as crowd:
        crowd.wait_for_more(40)
    troubles = crowd.troubles()
    assert set(troubles) <= {"MIRROR_UNAVAILABLE"} and troubles.total() <= 3  # after a pause of 250 ms
    nothing_was_lost(crowd)
    stores_agree(instance)


def test_a_new_cart_is_in_both_stores(instance, mirror, customer):
    stores_agree(instance)
    assert mirror.slots(customer.user_id)["d"] == "[]"


def test_parallel_additions_are_all_in_both_stores(instance, customer, product):
    answers = in_threads(32, lambda i: customer.another().add(product["id"]))
    versions = sorted(data(answer, 201)["version"] for answer in answers)
    assert versions == list(range(versions[0], versions[0] + 32))
    assert customer.cart()["items"][0]["quantity"] == 32
    stores_agree(instance)


# -- the mirror away

stop_kinds = pytest.mark.parametrize("how", [signal.SIGSTOP, signal.SIGTERM, signal.SIGKILL])


@stop_kinds
def test_without_the_mirror_nothing_is_written_anywhere(instance, mirror, customer, product, how):
    data(customer.add(product["id"], 2), 201)
    stores_agree(instance)
    before, lines = stored(instance, customer), instance.journal()
    mirror.take_away(how)
    try:
        began = time.monotonic()
        answer = customer.add(product["id"], 1)
        took = time.monotonic() - began
        problem(answer, 503, "MIRROR_UNAVAILABLE")
        print(f"refused after {took * 1000:.0f} ms (promised: 300 ms)")
        assert answer.headers["Retry-After"] and took < 5
        assert stored(instance, customer) == before
        assert customer.cart()["items"][0]["quantity"] == 2
        assert len(instance.journal()) == len(lines) + 1
        health = problem(customer.get("/paniers/health"), 503)
        assert health["checks"]["mirror"] == "down" and health["checks"]["database"] == "up"
    finally:
        mirror.give_back(how)
    began = time.monotonic()
    eventually(lambda: customer.add(product["id"], 1).status_code == 201)
    print(f"works again after {time.monotonic() - began:.2f} s (promised: 2 s)")
    assert customer.cart()["items"][0]["quantity"] == 3
    stores_agree(instance)


def test_every_kind_of_write_is_refused_without_the_mirror(instance, mirror, customer, product):
    customer.add(product["id"], 2)
    stores_agree(instance)
    before, lines = stored(instance, customer), len(instance.journal())
    path = f"/cart/items/{product['id']}"
    mirror.take_away(signal.SIGKILL)
    try:
        for answer in (customer.add(product["id"]), customer.patch(path, {"quantity": 5}),
                       customer.patch(path, {"quantity": 0}), customer.delete(path), customer.delete("/cart")):
            problem(answer, 503, "MIRROR_UNAVAILABLE")
    finally:
        mirror.give_back(signal.SIGKILL)
    assert stored(instance, customer) == before
    assert len(instance.journal()) == lines + 5
    eventually(lambda: customer.get("/cart/health").status_code == 200)


def test_the_journal_tells_what_failed_and_proves_itself(instance, mirror, customer, product):
    mirror.take_away(signal.SIGKILL)
    try:
        answer = customer.add(product["id"], 3, headers={"Idempotency-Key": "tell"})
        problem(answer, 503)
    finally:
        mirror.give_back(signal.SIGKILL)
    raw = instance.path("journal").read_bytes().splitlines()[-1]
    line = json.loads(raw)
    assert line["user_id"] == customer.user_id and line["outcome"] == "rolled_back"
    assert line["stage"] == "s_prepare" and line["route"] == "POST /cart"
    assert line["req_id"] == answer.headers["X-Request-Id"]
    assert line["crc32c"] == castagnoli(raw[: raw.rindex(b',"crc32c"')])
    assert customer.token not in raw.decode()
    eventually(lambda: customer.add(product["id"], 3, headers={"Idempotency-Key": "tell"}).status_code == 201)
    assert customer.cart()["items"][0]["quantity"] == 3


def test_an_emptied_mirror_is_rebuilt(instance, mirror, customer, product):
    data(customer.add(product["id"], 2), 201)
    mirror.empty()
    assert customer.cart()["items"][0]["quantity"] == 2
    eventually(lambda: customer.add(product["id"], 1).status_code == 201)
    mirror.lose()
    eventually(lambda: customer.add(product["id"], 1).status_code == 201)
    assert customer.cart()["items"][0]["quantity"] == 4
    stores_agree(instance)


def test_a_server_that_was_killed_holds_all_that_it_acknowledged(instance, mirror, customer, product):
    """By itself: nobody fills it meanwhile."""
    for quantity in (2, 1):
        data(customer.add(product["id"], quantity), 201)
    stores_agree(instance)
    with no_reconciler(instance):
        before = mirror.slots(customer.user_id)
        mirror.take_away(signal.SIGKILL)
        mirror.give_back(signal.SIGKILL)
        eventually(lambda: mirror.slots(customer.user_id) == before)


def test_a_mirror_that_holds_something_else_is_put_right(instance, mirror, customer, product):
    data(customer.add(product["id"], 2), 201)
    stores_agree(instance)
    mirror.put(customer.user_id, v=1, f=1, d="[]")
    assert customer.cart()["items"][0]["quantity"] == 2
    data(customer.add(product["id"], 1), 201)
    eventually(lambda: mirror.slots(customer.user_id)["v"] == str(customer.cart()["version"]))
    stores_agree(instance)


# -- what a worker that died in the middle of a write leaves in the mirror


def test_a_write_that_was_committed_but_not_promoted_is_promoted(instance, mirror, customer, product):
    data(customer.add(product["id"], 2), 201)
    stores_agree(instance)
    row = stored(instance, customer)[0]
    mirror.put(customer.user_id, v=row["version"] - 1, f=0, d="[]",
               pv=row["version"], pf=row["fence"], pd=row["doc"])
    stores_agree(instance)


def test_a_write_that_was_prepared_but_not_committed_is_taken_back(instance, mirror, customer, product):
    data(customer.add(product["id"], 2), 201)
    stores_agree(instance)
    row = stored(instance, customer)[0]
    mirror.put(customer.user_id, pv=row["version"] + 1, pf=row["fence"] + 1, pd="[]")
    stores_agree(instance)
    assert stored(instance, customer)[0]["version"] == row["version"]


# -- things dying under load


def test_killed_workers_lose_no_acknowledged_write(instance):
    with Crowd(instance) as crowd:
        for _ in range(4):
            for service in ("carts", "products"):
                kill(instance.workers(service)[0])
            crowd.wait_for_more(10)
        for pid in instance.workers("carts"):
            kill(pid)
        crowd.wait_for_more(10)
    print(f"{crowd.done} writes acknowledged; troubles: {crowd.troubles()}")
    nothing_was_lost(crowd)
    stores_agree(instance)


def test_a_mirror_that_comes_and_goes_loses_nothing(instance, mirror):
    with Crowd(instance) as crowd:
        for how in (signal.SIGSTOP, signal.SIGKILL, signal.SIGTERM):
            mirror.take_away(how)
            eventually(lambda: any(s.trouble for s in crowd.members))
            mirror.give_back(how)
            crowd.wait_for_more(10)
    assert "MIRROR_UNAVAILABLE" in crowd.troubles()
    nothing_was_lost(crowd)
    stores_agree(instance)


def test_the_same_key_replays_after_a_crash(instance, customer, product):
    key = {"Idempotency-Key": "over-the-crash"}
    first = customer.add(product["id"], 2, headers=key)
    data(first, 201)
    for pid in instance.workers("carts"):
        kill(pid)
    again = eventually(lambda: (a := customer.add(product["id"], 2, headers=key)).status_code == 201 and a)
    assert again.content == first.content and again.headers["Idempotent-Replayed"] == "true"
    assert customer.cart()["items"][0]["quantity"] == 2
    stores_agree(instance)


# -- mirror_mode degraded; last, because it changes the instance


@pytest.fixture(scope="module")
def degraded(instance):
    instance.settings["HALLE_MIRROR_MODE"] = "degraded"
    instance.up()


@stop_kinds
def test_degraded_a_write_without_the_mirror_is_made_and_mirrored_later(degraded, instance, mirror, customer, product, how):
    answer = customer.add(product["id"], 2)
    assert answer.status_code == 201 and "Mirror" not in answer.headers
    stores_agree(instance)
    lines, count = len(instance.journal()), instance.metric("halle_cart_degraded_total", "carts")
    mirror.take_away(how)
    try:
        key = {"Idempotency-Key": f"without-{how}"}
        answer = customer.add(product["id"], 1, headers=key)
        data(answer, 201)
        assert answer.headers["Mirror"] == "degraded"
        again = customer.add(product["id"], 1, headers=key)
        assert again.headers["Idempotent-Replayed"] == "true" and again.content == answer.content
        assert customer.cart()["items"][0]["quantity"] == 3
        answer = customer.patch(f"/cart/items/{product['id']}", {"quantity": 7})
        data(answer)
        assert answer.headers["Mirror"] == "degraded"
        told = instance.journal()[lines:]
        assert [(line["outcome"], line["stage"]) for line in told] == [("degraded", "s_prepare")] * 2
        assert instance.metric("halle_cart_degraded_total", "carts") == count + 2
        health = data(customer.get("/cart/health"))
        assert health["status"] == "healthy" and health["checks"]["mirror"] == "down"
        assert instance.rows("carts", "SELECT 1 FROM cart_unmirrored WHERE user_id = %s", customer.user_id)
    finally:
        mirror.give_back(how)
    assert customer.cart()["items"][0]["quantity"] == 7
    stores_agree(instance)
    eventually(lambda: not instance.rows("carts", "SELECT 1 FROM cart_unmirrored"))


def test_degraded_what_the_mirror_refuses_is_still_refused(degraded, instance, mirror, customer, product):
    data(customer.add(product["id"], 2), 201)
    stores_agree(instance)
    before = stored(instance, customer)
    mirror.put(customer.user_id, v=before[0]["version"] + 5)
    problem(customer.add(product["id"], 1), 503, "MIRROR_UNAVAILABLE")
    assert stored(instance, customer) == before
    mirror.put(customer.user_id, v=before[0]["version"])
    data(customer.add(product["id"], 1), 201)
    stores_agree(instance)


def test_degraded_a_mirror_that_comes_and_goes_troubles_nobody(degraded, instance, mirror):
    with Crowd(instance, users=3) as crowd:
        for how in (signal.SIGSTOP, signal.SIGKILL):
            mirror.take_away(how)
            crowd.wait_for_more(10)
            mirror.give_back(how)
            crowd.wait_for_more(10)
    assert crowd.troubles() == {}
    nothing_was_lost(crowd)
    stores_agree(instance)
