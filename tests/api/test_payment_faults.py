"""Payments while things die: at every step, and at random; afterwards both ledgers agree, every payment
has one outcome, and orders was told it."""

import os
import pathlib
import random
import signal
import threading

import pytest
import requests

from crashes import WORDS, Crashes, compiled, points
from harness import data, eventually, in_threads, kill, private_instance
from ordering import Orders
from paying import APPROVED, FAILS_AFTER, NUMBERS, TWICE, behave, configure, ledgers_agree, new_key, pay

LONG = bool(os.environ.get("HALLE_LONG"))
only_compiled = pytest.mark.skipif(
    not compiled(), reason="this build has no crash points: configure --enable-crash-points"
)
PASSAGES = [(p, w) for s in ("payments", "bank") for p in points(s) for w in WORDS]


@pytest.fixture(scope="module")
def crashes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("crashes")
    folder.chmod(0o777)
    return Crashes(pathlib.Path(folder))


@pytest.fixture(scope="module")
def instance(crashes):
    """With a breaker that opens late and not for long: what is tested here is what comes after a call."""
    with private_instance(HALLE_LIMITS="off", HALLE_CRASH_DIR=str(crashes.folder)) as made:
        configure(made, breaker_failures=100, breaker_calls=10000, breaker_open_s=1)
        for pid in made.workers("payments"):
            kill(pid)
        eventually(lambda: made.client().get("/payments/readyz").status_code == 200, 60)
        yield made


@pytest.fixture(scope="module")
def orders(instance):
    made = Orders(instance)
    yield made
    made.close()


@pytest.fixture(scope="module")
def admin(instance, orders):
    return instance.admin()


@pytest.fixture(scope="module")
def user(instance):
    return instance.new_user()


def orders_know(instance, orders):
    """The paid orders are those with a captured payment; of the others none waits for an outcome."""
    paid = {r["order_id"] for r in instance.rows("payments", "SELECT order_id FROM payment WHERE state = 'captured'")}
    with orders.lock:
        assert {k for k, o in orders.orders.items() if o["state"] == "paid"} == paid
        assert [k for k, o in orders.orders.items() if o["state"] == "pending" and o["payment"]] == []


def all_is_well(instance, orders):
    ours, theirs = ledgers_agree(instance)
    orders_know(instance, orders)
    return ours, theirs


def attempt(client, order_id, number, key):
    """The answer that ends it; the same key is sent until there is one."""

    def sent():
        answer = pay(client, order_id, number, key)
        # an answer of an error is false
        return [answer] if answer.json().get("error", {}).get("code") not in (
            "IDEMPOTENCY_KEY_BUSY", "OUTCOME_UNKNOWN", "BAD_GATEWAY", "GATEWAY_TIMEOUT", "DATABASE_UNAVAILABLE",
            "SERVER_BUSY",
        ) else None

    return eventually(sent, 60)[0]


@only_compiled
@pytest.mark.parametrize("point, word", PASSAGES)
def test_a_crash_point_breaks_no_promise(instance, orders, admin, user, crashes, point, word):
    order_id, key = orders.new(user, 1000), new_key()
    number = FAILS_AFTER if point in ("completer_asked", "bank_resolved") else APPROVED
    crashes.arm(point, word)
    answer = attempt(user, order_id, number, key)
    assert answer.status_code in (201, 202, 503), answer.text
    if point.startswith("refund") or point == "bank_refunded":
        give_back(admin, answer.json()["data"])
    eventually(lambda: crashes.fired(point), 60)
    all_is_well(instance, orders)
    assert len(instance.rows("payments", "SELECT 1 FROM payment WHERE order_id = %s", order_id)) == 1


def give_back(admin, payment):
    key = new_key()

    def sent():
        answer = admin.post(f"/payments/{payment['id']}/refund", {"amount": 4}, headers={"Idempotency-Key": key})
        return answer if answer.status_code == 201 else None

    assert data(eventually(sent, 60), 201)["refunded"] == 4


def test_sums_are_equal_whatever_the_bank_does(instance, orders, admin):
    """Hundreds of payments while it fails, waits and is away."""
    count = 5000 if LONG else 300
    threads, rolls = 8, random.Random(7)
    plan = [(rolls.choice(NUMBERS[:5] + [TWICE]), new_key()) for _ in range(count)]
    moods = [{"failure_rate": 20}, {"failure_rate": 20, "latency_ms": 30}, {"down": True}, {"failure_rate": 20}]
    clients = [instance.new_user() for _ in range(threads)]
    done = threading.Event()

    def change_mood():
        mine, i = admin.another(), 0
        while not done.wait(1 if LONG else 0.7):
            behave(mine, **moods[i % len(moods)])
            i += 1

    behave(admin, failure_rate=20)
    mood = threading.Thread(target=change_mood, daemon=True)
    mood.start()

    def shop(i):
        statuses = []
        for number, key in plan[i::threads]:
            order_id = orders.new(clients[i], 1 + rolls.randrange(100000))
            statuses.append(pay(clients[i], order_id, number, key).status_code)
            pay(clients[i], order_id, number, key)
        return statuses

    try:
        statuses = sum(in_threads(threads, shop), [])
    finally:
        done.set()
        mood.join()
        behave(admin)
    print({s: statuses.count(s) for s in set(statuses)})
    assert set(statuses) <= {201, 202, 402, 503}
    ours, theirs = all_is_well(instance, orders)
    captured = sum(r["amount_cents"] for r in ours.values() if r["state"] == "captured")
    approved = sum(r["amount_cents"] for r in theirs.values() if r["outcome"] == "approved")
    print(f"{captured} cents captured = {approved} cents approved")
    assert captured == approved > 0


@pytest.mark.parametrize("victim", ["payments", "bank", "mariadb"])
def test_a_server_that_is_killed_loses_nothing(instance, orders, victim):
    threads = 4
    clients = [instance.new_user() for _ in range(threads)]
    done = threading.Event()
    rounds = 30 if LONG else 5

    def shop(i):
        if i == threads:
            return kill_again_and_again()
        made = 0
        while not done.is_set():
            order_id, key = orders.new(clients[i], 1000), new_key()
            try:
                while not done.is_set() and pay(clients[i], order_id, APPROVED, key).status_code not in (201, 202):
                    key = key if done.wait(0.1) else new_key()
                made += 1
            except requests.RequestException:
                pass
        return made

    def kill_again_and_again():
        try:
            for _ in range(rounds):
                done.wait(0.5)
                strike(instance, victim)
        finally:
            done.set()

    in_threads(threads + 1, shop)
    eventually(lambda: instance.client().get("/payments/readyz").status_code == 200, 60)
    all_is_well(instance, orders)


def strike(instance, victim):
    if victim == "mariadb":
        instance.stop("mariadb", signal.SIGKILL)
        instance.start_mariadb()
        return
    for pid in instance.workers(victim):
        kill(pid)


def test_events_that_orders_does_not_take_arrive_later(instance, orders, user):
    orders.deaf = True
    try:
        order_ids = [orders.new(user) for _ in range(5)]
        assert {pay(user, o).status_code for o in order_ids} == {201}
        assert all(orders.told(o) == [] for o in order_ids)
    finally:
        orders.deaf = False
    eventually(lambda: all([k for k, _ in orders.told(o)] == ["payment.captured"] for o in order_ids), 60)
    all_is_well(instance, orders)
