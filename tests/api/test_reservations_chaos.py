"""Stock under load: never more is held than there is, and the books agree in every moment, also when workers
and the database are killed. HALLE_LONG runs longer."""

import http.client
import os
import random
import signal
import threading
import time

import pymysql
import pytest

from harness import eventually, in_threads, kill, private_instance
from reservations import (
    audit, books, commit, done, lost, new_id, overdue, release, reserve, running_balances, state_of, stock_of, tell,
    wrong_books,
)

LONG = bool(os.environ.get("HALLE_LONG"))
ROUNDS = 5 if LONG else 1


@pytest.fixture(scope="module")
def instance():
    with private_instance(HALLE_LIMITS="off") as made:
        yield made


@pytest.fixture(scope="module")
def admin(instance):
    return instance.admin()


class Sampler(threading.Thread):
    """Reads the books of some products again and again, each time in one moment."""

    def __init__(self, instance, initial):
        super().__init__(daemon=True)
        self.instance, self.initial = instance, initial
        self.end = threading.Event()
        self.samples, self.wrong, self.error = 0, [], None

    def run(self):
        try:
            while not self.end.is_set():
                self.sample()
        except BaseException as error:  # shown by the test's own thread
            self.error = error

    def sample(self):
        try:
            self.wrong += wrong_books(self.instance, self.initial)
            self.samples += 1
        except (pymysql.Error, OSError):
            time.sleep(0.05)  # the database is away

    def __enter__(self):
        self.start()
        eventually(lambda: self.samples or self.error)
        return self

    def __exit__(self, *_):
        self.end.set()
        self.join(60)
        assert not self.is_alive(), "the sampler hangs"
        if self.error:
            raise self.error


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
    before = instance.metric("halle_db_retries_total", "products")
    with Sampler(instance, initial) as sampler:
        statuses = {status for seen in in_threads(16, one) for status in seen}
        eventually(lambda: instance.rows("products", expired)[0]["n"] >= 4 * count, 60)
    retries = instance.metric("halle_db_retries_total", "products") - before
    print(f"statuses {statuses}, {sampler.samples} samples, {retries} transactions repeated")
    assert statuses <= {200, 409} and sampler.wrong == []
    assert retries == 0, "nobody should wait in a circle"
    assert wrong_books(instance, initial) == []
    assert all(running_balances(instance, product) for product in products)


class Trader(threading.Thread):
    """Reserves, then sells or gives back, each step repeated until it is answered for good."""

    def __init__(self, instance, products, seed, end):
        super().__init__(daemon=True)
        self.instance, self.products, self.end = instance, products, end
        self.random = random.Random(seed)
        self.outcome, self.troubles, self.error = {}, set(), None

    def run(self):
        try:
            while not self.end.is_set():
                self.trade()
        except BaseException as error:  # shown by the test's own thread
            self.error = error

    def trade(self):
        name = new_id()
        lines = {p: self.random.randint(1, 2) for p in self.random.sample(self.products, 2)}
        if self.surely(reserve, name, lines) == 409:
            self.outcome[name] = None
            return
        kind = self.random.choice(("held", "committed", "released", "returned"))
        if kind in ("committed", "returned"):
            assert self.surely(commit, name) == 200
        if kind in ("released", "returned"):
            assert self.surely(release, name) == 200
        self.outcome[name] = "released" if kind == "returned" else kind

    def surely(self, verb, *arguments):
        end = time.monotonic() + 90
        while time.monotonic() < end:
            try:
                status, _ = verb(self.instance, *arguments)
            except (OSError, ValueError, http.client.HTTPException) as error:
                status = type(error).__name__
            if status in (200, 409):
                return status
            assert not isinstance(status, int) or status in (500, 502, 503, 504), status
            self.troubles.add(status)
            time.sleep(0.05)
        raise AssertionError("no answer for good within 90 s")


class Market:
    def __init__(self, instance, admin, traders=6):
        self.products = [instance.new_product(admin, storage_quantity=1000)["id"] for _ in range(4)]
        self.initial = dict.fromkeys(self.products, 1000)
        self.end = threading.Event()
        self.traders = [Trader(instance, self.products, seed, self.end) for seed in range(traders)]

    def __enter__(self):
        for trader in self.traders:
            trader.start()
        self.some(3)
        return self

    def __exit__(self, *_):
        self.end.set()
        for trader in self.traders:
            trader.join(120)
            assert not trader.is_alive(), "a trader hangs"
            if trader.error:
                raise trader.error

    def some(self, count):
        """Waits until every trader has done so many more."""
        goals = [len(t.outcome) + count for t in self.traders]
        eventually(
            lambda: any(t.error for t in self.traders)
            or all(len(t.outcome) >= goal for t, goal in zip(self.traders, goals)),
            90,
        )

    def states(self):
        return {name: state for t in self.traders for name, state in t.outcome.items()}


def settled(instance, market, sampler):
    """Every acknowledged step has its effect, once, and the books agree."""
    states = market.states()
    found = {name: state_of(instance, name) for name in states}
    troubles = set().union(*(t.troubles for t in market.traders))
    print(f"{len(states)} reservations, {sampler.samples} samples, {troubles}")
    assert found == states
    assert sampler.wrong == [] and sampler.samples > 0
    assert wrong_books(instance, market.initial) == []
    assert all(running_balances(instance, product) for product in market.products)
    assert audit(instance)[0] == []


def test_killed_workers_leave_the_books_right(instance, admin):
    with Market(instance, admin) as market, Sampler(instance, market.initial) as sampler:
        for _ in range(6 * ROUNDS):
            kill(random.choice(eventually(lambda: instance.workers("products"))), signal.SIGKILL)
            market.some(3)
    settled(instance, market, sampler)


def test_a_killed_database_leaves_the_books_right(instance, admin):
    with Market(instance, admin) as market, Sampler(instance, market.initial) as sampler:
        for _ in range(2 * ROUNDS):
            instance.stop("mariadb", signal.SIGKILL)
            instance.start_mariadb()
            market.some(5)
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
