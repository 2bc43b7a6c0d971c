"""The connections between a worker and its stores are cut after every byte of one write's
exchange, in both directions. Whatever the answer was, it is so, and stays so.
HALLE_LONG cuts at every byte, and also while a connection is being made."""

import contextlib
import os
import uuid

import pytest

from harness import data, eventually, private_instance
from proxy import DOWN, UP, Cut, Proxy, connect_anew
from scripts import PREPARE, PROMOTE
from stores import converge, has_op, journal, shown

LONG = bool(os.environ.get("HALLE_LONG"))
STRIDE, COLD_STRIDE = (1, 1) if LONG else (8, 64)
CLOSE = 24  # bytes at the end of an exchange, where its outcome is decided, are all tried
WRITER = b"POST /cart"  # only the connection that writes carries the name of the route
BEGIN, COMMIT = b"START TRANSACTION", b"COMMIT"
DEFINITE = {"MIRROR_UNAVAILABLE", "DATABASE_UNAVAILABLE"}


@pytest.fixture(scope="module")
def instance():
    """One process with one thread: the connection of the last write is that of the next."""
    with private_instance(HALLE_LIMITS="off", HALLE_WORKERS="1", HALLE_THREADS="1", HALLE_SETTINGS="queue_ms=10000") as made:
        yield made


@pytest.fixture(scope="module")
def admin(instance):
    return instance.admin()


class Trial:
    """Writes of 1 more to a cart, the exchange of each cut somewhere, and what was answered."""

    CART_MAX = 400  # below the most that a line may hold

    def __init__(self, instance, admin, proxy):
        self.instance, self.proxy = instance, proxy
        self.product = instance.new_product(admin, storage_quantity=1000)["id"]
        self.warm = instance.new_user()
        self.carts, self.refused, self.failed, self.answers = [], [], [], {}
        self.new_cart()

    def new_cart(self):
        self.user = self.instance.new_user()
        self.carts.append([self.user, 0])

    def add(self, user, key):
        return user.add(self.product, 1, headers={"Idempotency-Key": key})

    def warm_up(self):
        """A write on the connection that the next one uses."""
        answer = eventually(lambda: (a := self.add(self.warm, uuid.uuid4().hex)).status_code != 503 and a)
        if data(answer, 201)["items"][0]["quantity"] > self.CART_MAX:
            data(self.warm.delete("/cart"))
            self.warm_up()

    def write(self):
        """One write; unknown ones are repeated with their key until they are known."""
        if self.carts[-1][1] > self.CART_MAX:
            self.new_cart()
        user, key = self.user, uuid.uuid4().hex
        answer = self.add(user, key)
        code = "201" if answer.status_code == 201 else answer.json()["error"]["code"]
        self.answers[code] = self.answers.get(code, 0) + 1
        if answer.status_code in (503, 504):
            self.failed.append((answer.headers["X-Request-Id"], code))
        if code in DEFINITE:
            self.refused.append((user.user_id, key))
            return
        if code == "OUTCOME_UNKNOWN":
            self.proxy.disarm()
            answer = eventually(lambda: (a := self.add(user, key)).status_code == 201 and a)
        self.carts[-1][1] += 1
        assert shown(data(answer, 201)) == {self.product: self.carts[-1][1]}

    def length(self, start, cold):
        """Bytes of one undisturbed exchange, both ways."""
        self.prepare(cold)
        self.proxy.measure(start)
        self.write()
        eventually(lambda: any(c.counting and c.passed[DOWN] for c in self.proxy.connections))
        return self.proxy.disarm()

    def prepare(self, cold):
        self.warm_up()
        if cold:
            self.proxy.close_all(marked=True)

    def sweep(self, start, cold=False, stride=STRIDE):
        """Cuts after every stride-th byte, and after each of the last ones."""
        total, fired = self.length(start, cold), 0
        for way in (UP, DOWN):
            places = set(range(0, total[way] + 1, stride)) | set(range(max(0, total[way] - CLOSE), total[way] + 1))
            for count in sorted(places):
                self.prepare(cold)
                cut = self.proxy.arm(Cut(start, way, count))
                self.write()
                fired += cut.fired.is_set()
                self.proxy.disarm()
        print(f"{total[UP]} bytes up, {total[DOWN]} down; {fired} cuts; answers: {self.answers}")
        return fired

    def check(self):
        seconds = converge(self.instance)
        print(f"stores agreed after {seconds:.2f} s")
        for user, quantity in self.carts:
            assert shown(user.cart()).get(self.product, 0) == quantity
        assert not [key for user, key in self.refused if has_op(self.instance, user, key)]
        assert set(self.answers) <= {"201", "OUTCOME_UNKNOWN"} | DEFINITE
        lines = {line["req_id"]: line for line in journal(self.instance)}
        for request_id, code in self.failed:
            outcome = "unknown" if code == "OUTCOME_UNKNOWN" else "rolled_back"
            assert lines[request_id]["outcome"] == outcome


@contextlib.contextmanager
def trial_through(instance, admin, socket, mark):
    with Proxy(instance.path(socket), mark) as proxy:
        connect_anew(instance)
        trial = Trial(instance, admin, proxy)
        yield trial
        proxy.disarm()
        trial.check()


def test_the_database_cut_off_within_a_write(instance, admin):
    with trial_through(instance, admin, "db_socket", WRITER) as trial:
        assert trial.sweep(BEGIN) > 50


def test_the_database_cut_off_from_the_first_byte_of_a_connection(instance, admin):
    with trial_through(instance, admin, "db_socket", WRITER) as trial:
        assert trial.sweep(None, cold=True, stride=COLD_STRIDE) > 50


def test_the_mirror_cut_off_within_prepare(instance, admin):
    with trial_through(instance, admin, "mirror_socket", PREPARE) as trial:
        assert trial.sweep(PREPARE) > 30


def test_the_mirror_cut_off_from_the_first_byte_of_a_connection(instance, admin):
    with trial_through(instance, admin, "mirror_socket", PREPARE) as trial:
        assert trial.sweep(None, cold=True, stride=COLD_STRIDE) > 30


def test_the_mirror_cut_off_within_promote(instance, admin):
    """After the answer: what is lost, the next write or the reconciler makes good."""
    with trial_through(instance, admin, "mirror_socket", PROMOTE) as trial:
        trial.sweep(PROMOTE)
        assert set(trial.answers) <= {"201", "MIRROR_UNAVAILABLE"}
        assert trial.answers.get("MIRROR_UNAVAILABLE", 0) <= 3 < trial.answers["201"]  # after a pause of 250 ms


def test_the_database_gone_for_good_within_commit(instance, admin):
    """Whether the change was made is not known: the answer says so, and the same key tells later."""
    with trial_through(instance, admin, "db_socket", WRITER) as trial:
        total = trial.length(COMMIT, cold=False)
        places = ((UP, 0), (DOWN, 0), (UP, total[UP]), (DOWN, total[DOWN] - 1))[: 4 if LONG else 2]
        for way, count in places:
            trial.warm_up()
            trial.proxy.arm(Cut(COMMIT, way, count, alone=True))
            trial.write()
        assert trial.answers["OUTCOME_UNKNOWN"] == len(places)
