"""Stock under load: never more is held than there is, and the books agree in every moment, also when workers
and the database are killed. HALLE_LONG runs longer."""

import os
import random
import signal
import time

import pymysql
import pytest

from actors import IDLE, Actor, Team
from harness import PATIENT, eventually, in_threads, kill, private_instance
from reservations import (
    audit, books, commit, done, lost, new_id, overdue, release, reserve, running_balances, state_of, stock_of, tell,
    wrong_books,
)

LONG = bool(os.environ.get("HALLE_LONG"))
ROUNDS = 5 if LONG else 1
AWAY = (500, 502, 503, 504)


@pytest.fixture(scope="module")
def instance():
    with private_instance(HALLE_LIMITS="off", **PATIENT) as made:
        yield made


@pytest.fixture(scope="module")
def admin(instance):
    return instance.admin()


class Sampler(Actor):
    """Reads the books of some products again and again, each time in one moment."""

    def __init__(self, instance, initial):
        super().__init__()
        self.instance, self.initial, self.samples, self.wrong = instance, initial, 0, []

    def act(self):
        try:
            self.wrong += wrong_books(self.instance, self.initial)
            self.samples += 1
        except (pymysql.Error, OSError):
            time.sleep(IDLE)  # the database is away

    def __enter__(self):
        super().__enter__()
        eventually(lambda: self.samples or self.error)
        return self


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_two_hundred_want_one_of_fifty(instance, admin, unharmed, turn):
    product = instance.new_product(admin, storage_quantity=50)["id"]
    names = [new_id() for _ in range(200)]
    with Sampler(instance, {product: 50}) as sampler:
        answers = in_threads(40, lambda i: [reserve(instance, name, {product: 1}) for name in names[i::40]])
    statuses = [status for many in answers for status, _ in many]
    print(f"{sampler.samples} samples, statuses {sorted(set(statuses))}")
    assert (statuses.count(200), statuses.count(409)) == (50, 150)
    assert sampler.wrong == [] and sampler.samples > 0
    row = books(instance, [product])[product]
    assert (row["available"], row["held"], row["sold"]) == (0, 50, 0)
    assert [state_of(instance, name) for name in names].count("held") == 50
    assert running_balances(instance, product)


def test_the_same_reserve_from_many_at_once_holds_once(instance, admin, unharmed):
    product = instance.new_product(admin, storage_quantity=100)["id"]
    for _ in range(20 * ROUNDS):
        name, before = new_id(), stock_of(instance, product)
        answers = in_threads(8, lambda i: reserve(instance, name, {product: 2}))
        assert [status for status, _ in answers] == [200] * 8
        assert stock_of(instance, product) == before - 2
        answers = in_threads(8, lambda i: (commit if i % 2 else release)(instance, name))
        assert {status for status, _ in answers} <= {200, 409}
        done(release(instance, name))
        assert stock_of(instance, product) == before
    assert wrong_books(instance, {product: 100}) == []


def test_reserves_of_crossed_lines_do_not_block_each_other(instance, admin, unharmed):
    """Lines come in any order and replace each other, while others expire; locks are taken in one order."""
    products = [instance.new_product(admin, storage_quantity=1000)["id"] for _ in range(6)]
    initial = dict.fromkeys(products, 1000)
    count = 60 * ROUNDS  # of each thread; of every fourth thread, all expire

    def one(i):
        chance, seen, held = random.Random(i), [], None
        for _ in range(count):
            name, lines = new_id(), [(p, 1) for p in products]
            lines.sort(reverse=i % 2 == 0)
            chance.shuffle(lines) if i % 3 == 0 else None
            more = {"instead_of": held} if held and i % 4 == 1 else {}
            more["hold_s"] = 1 if i % 4 == 2 else 900
            seen.append(reserve(instance, name, lines[: chance.randint(2, 6)], **more)[0])
            if i % 4 == 1:
                held = name
            elif i % 4 != 2:
                seen.append((commit if chance.random() < 0.3 else release)(instance, name)[0])
        return seen

    expired = "SELECT COUNT(*) AS n FROM reservation WHERE state = 'expired'"
    deadlocks = lambda: (instance.var / "log/mariadb.log").read_bytes().count(b"deadlock detected")
    before = deadlocks()
    with Sampler(instance, initial) as sampler:
        statuses = {status for seen in in_threads(16, one) for status in seen}
        eventually(lambda: instance.rows("products", expired)[0]["n"] >= 4 * count, 60)
    print(f"statuses {statuses}, {sampler.samples} samples")
    assert statuses <= {200, 409} and sampler.wrong == []
    assert deadlocks() == before, "nobody should wait in a circle"
    assert wrong_books(instance, initial) == []
    assert all(running_balances(instance, product) for product in products)


class Trader(Actor):
    """Reserves, then sells or gives back, each step repeated until it is answered for good."""

    PATIENCE = 90

    def __init__(self, instance, products, seed):
        super().__init__(seed=seed)
        self.instance, self.products, self.outcome = instance, products, {}

    def act(self):
        name = new_id()
        lines = {p: self.random.randint(1, 2) for p in self.random.sample(self.products, 2)}
        self.outcome[name] = self.trade(name, lines)
        self.done += 1

    def trade(self, name, lines):
        if self.status_of(reserve, name, lines) == 409:
            return None
        kind = self.random.choice(("held", "committed", "released", "returned"))
        if kind in ("committed", "returned"):
            assert self.status_of(commit, name) == 200
        if kind in ("released", "returned"):
            assert self.status_of(release, name) == 200
        return "released" if kind == "returned" else kind

    def status_of(self, verb, *arguments):
        status, _ = self.surely(lambda: verb(self.instance, *arguments), lambda got: got[0] in AWAY and got[0])
        assert status in (200, 409), status
        return status


class Market(Team):
    BOUND = 90

    def __init__(self, instance, admin, traders=6):
        self.products = [instance.new_product(admin, storage_quantity=1000)["id"] for _ in range(4)]
        self.initial = dict.fromkeys(self.products, 1000)
        super().__init__((Trader(instance, self.products, seed) for seed in range(traders)), first=3)

    def states(self):
        return {name: state for t in self.members for name, state in t.outcome.items()}


def settled(instance, market, sampler):
    """Every acknowledged step has its effect, once, and the books agree."""
    states = market.states()
    found = {name: state_of(instance, name) for name in states}
    print(f"{len(states)} reservations, {sampler.samples} samples, {market.troubles()}")
    assert found == states
    assert sampler.wrong == [] and sampler.samples > 0
    assert wrong_books(instance, market.initial) == []
    assert all(running_balances(instance, product) for product in market.products)
    assert audit(instance)[0] == []


def test_killed_workers_leave_the_books_right(instance, admin):
    with Market(instance, admin) as market, Sampler(instance, market.initial) as sampler:
        for _ in range(6 * ROUNDS):
            kill(random.choice(eventually(lambda: instance.workers("products"))), signal.SIGKILL)
            market.wait_for_more(3)
    settled(instance, market, sampler)


def test_a_killed_database_leaves_the_books_right(instance, admin):
    with Market(instance, admin) as market, Sampler(instance, market.initial) as sampler:
        for _ in range(2 * ROUNDS):
            instance.stop("mariadb", signal.SIGKILL)
            instance.start_mariadb()
            market.wait_for_more(5)
    settled(instance, market, sampler)


def test_a_commit_without_stock_is_told_to_orders_when_it_is_there(instance, admin):
    """After expiry another one took the stock; the customer has paid."""
    product, reservation, event = instance.new_product(admin, storage_quantity=3)["id"], new_id(), new_id()
    done(reserve(instance, reservation, {product: 3}))
    overdue(instance, reservation)
    eventually(lambda: state_of(instance, reservation) == "expired")
    done(reserve(instance, new_id(), {product: 1}))
    instance.stop("orders")
    for _ in range(2):
        assert tell(instance, "reservation.commit", reservation, 42, event) == 204
    news = {"reservation_id": reservation, "order_id": 42}
    assert lost(instance, reservation) == [("orders", "reservation.lost", news)]
    assert state_of(instance, reservation) == "expired" and stock_of(instance, product) == 2
    instance.dev("up")
