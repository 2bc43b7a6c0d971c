"""Every rule of the mirror is needed: the events that it is for, once with it and once with a
proxy that takes it away, where the check of the stores must find what it is there to prevent."""

import hashlib

import pytest

from harness import data, eventually, in_threads, private_instance, problem
from mirrors import FILLING, VERIFIED, epoch, mirror_store, no_reconciler
from proxy import DOWN, UP, Cut, Proxy, connect_anew
from scripts import PREPARE, PROMOTE, script, sha
from shoppers import disagreements
from stores import converge, look

COMMIT = b"COMMIT"
WRITER = b"POST /cart"


@pytest.fixture(scope="module")
def instance():
    """One process with one thread: the connection of the last write is that of the next."""
    with private_instance(HALLE_LIMITS="off", HALLE_WORKERS="1", HALLE_THREADS="1") as made:
        yield made


@pytest.fixture(scope="module")
def admin(instance):
    return instance.admin()


class Scene:
    """A cart with one line, both stores behind proxies, and the reconciler held back."""

    def __init__(self, instance, customer, product, mirror, database):
        self.instance, self.customer, self.product = instance, customer, product
        self.mirror, self.database = mirror, database

    def add(self):
        return self.customer.another().add(self.product, 1)

    def added(self):
        return data(self.add(), 201)

    def settled(self):
        """A write on the connections of the next one, promoted."""
        eventually(lambda: self.add().status_code == 201)
        key = f"cart:{self.customer.user_id}"
        eventually(lambda: not self.instance.mirror().hexists(key, "pv"))

    def breaches(self):
        with self.instance.database("carts") as database:
            with mirror_store(self.instance).viewer() as view:
                return look(database, view, self.customer.user_id)


@pytest.fixture
def scene(instance, customer, product):
    with Proxy(instance.path("mirror_socket"), PREPARE) as mirror:
        with Proxy(instance.path("db_socket"), WRITER) as database:
            connect_anew(instance)
            made = Scene(instance, customer, product["id"], mirror, database)
            made.settled()
            yield made
            if mirror.change:  # what it broke stays broken, but for a mirror that is made anew
                mirror.change = None
                instance.mirror().flushall()
            mirror.disarm()
            converge(instance)


def without(scene, name, rule):
    """Workers get the script of this name with the text of a rule taken out, which begins and
    ends as told."""
    text = script(name)
    begin = text.index(rule[0])
    mutant = text[:begin] + text[text.index(rule[1], begin) + len(rule[1]):]
    old, new = sha(text), sha(mutant)
    assert scene.instance.mirror().script_load(mutant).encode() == new
    scene.mirror.change = lambda connection, sent: sent.replace(old, new)
    scene.mirror.mark = new
    return new


FENCE = ("if tonumber(ARGV[6])<=mf", "end\n")
BASE = ("if v<bv then", "return 'AHEAD' end\n")
both_ways = pytest.mark.parametrize("kept", [True, False], ids=["kept", "broken"])


@both_ways
def test_the_fence_stops_a_late_prepare(scene, kept):
    """A PREPARE that timed out arrives while a later attempt stands before its COMMIT."""
    prepare = PREPARE if kept else without(scene, "PREPARE", FENCE)
    scene.settled()
    with no_reconciler(scene.instance):
        late = scene.mirror.arm(Cut(prepare, UP, 0, held=True))
        problem(scene.add(), 503, "MIRROR_UNAVAILABLE")
        assert late.fired.is_set()
        scene.mirror.disarm()
        commit = scene.database.arm(Cut(COMMIT, UP, 0, held=True))

        def interfere():
            eventually(commit.fired.is_set)
            late.release.set()
            eventually(late.answered.is_set)
            commit.release.set()

        in_threads(2, lambda i: scene.added() if i else interfere())
        assert bool(scene.breaches()) != kept


@both_ways
def test_the_base_saves_a_write_whose_promote_was_lost(scene, kept):
    """The next write is prepared, and its answer lost, so it is rolled back."""
    prepare = PREPARE if kept else without(scene, "PREPARE", BASE)
    scene.settled()
    with no_reconciler(scene.instance):
        scene.mirror.mark = None
        lost = scene.mirror.arm(Cut(PROMOTE, UP, 0))
        scene.added()
        eventually(lost.fired.is_set)
        unheard = scene.mirror.arm(Cut(prepare, DOWN, 0))
        problem(scene.add(), 503, "MIRROR_UNAVAILABLE")
        assert unheard.fired.is_set()
        assert bool(scene.breaches()) != kept


def answer_falsely(connection, sent):
    """PREPARE does not arrive, and the answer that comes is that of another one."""
    if PREPARE not in sent:
        return sent
    connection.client.sendall(b"$2\r\nOK\r\n")
    return b""


@both_ways
def test_an_answer_that_came_too_late_is_not_taken_for_the_next_one(scene, kept):
    with no_reconciler(scene.instance):
        if kept:
            late = scene.mirror.arm(Cut(PREPARE, DOWN, 0, held=True))
            problem(scene.add(), 503, "MIRROR_UNAVAILABLE")
            late.release.set()
            scene.mirror.disarm()
        else:
            scene.mirror.change = answer_falsely
        scene.added()
        assert bool(scene.breaches()) != kept


def passes(instance, count):
    """Waits until the reconciler has taken its lease this many times more."""

    def lease():
        return instance.rows("carts", "SELECT until_at FROM lease WHERE name = 'reconciler'")[0]["until_at"]

    for _ in range(count):
        before = lease()
        eventually(lambda: lease() != before)


def ignore_prepared(_connection, sent):
    """The reconciler's question for the prepared slot asks for fields that are never there."""
    if b"HMGET" not in sent:
        return sent
    return sent.replace(b"$2\r\npv\r\n$2\r\npf\r\n", b"$2\r\nxv\r\n$2\r\nxf\r\n")


@both_ways
def test_the_reconciler_looks_at_the_prepared_slot(scene, kept):
    """A worker died between PREPARE and COMMIT: what it prepared must go."""
    if not kept:
        scene.mirror.change = ignore_prepared
    user, mirror = scene.customer.user_id, scene.instance.mirror()
    version = int(mirror.hget(f"cart:{user}", "v"))
    fence = int(mirror.hget(f"cart:{user}", "f"))
    mirror.hset(f"cart:{user}", mapping={"pv": version + 1, "pf": fence + 1, "pd": "[]"})
    mirror.sadd("cart:pending", user)
    passes(scene.instance, 2)
    assert (user in disagreements(scene.instance)) != kept


@both_ways
def test_a_mirror_that_lost_everything_is_not_trusted(scene, kept):
    """Its new life is not verified. Without the guard it is taken for whole."""
    mirror = scene.instance.mirror()
    with no_reconciler(scene.instance):
        mirror.flushall()
        if not kept:
            mirror.set(FILLING, "x")
            mirror.set(VERIFIED, epoch(mirror.info("server"), "x"))
    passes(scene.instance, 2)
    assert (scene.customer.user_id in disagreements(scene.instance)) != kept
    mirror.delete(VERIFIED)


def test_a_base_that_is_only_prepared_is_brought_to_disk_first(scene):
    """Its writer was not told yet that MariaDB has it on disk: so the next one, who sees it, sees to that."""
    mirror, key = scene.instance.mirror(), f"cart:{scene.customer.user_id}"
    flushed = lambda: scene.instance.rows("carts", "SELECT flushed_at FROM log_flush")
    with no_reconciler(scene.instance):
        scene.settled()
        version, fence, doc = mirror.hmget(key, "v", "f", "d")
        before = flushed()
        mirror.hset(key, mapping={"pv": version, "pf": fence, "pd": doc, "v": int(version) - 1, "f": 1, "d": "[]"})
        assert scene.added()["version"] == int(version) + 1
        assert flushed() != before
        eventually(lambda: mirror.hget(key, "v") == str(int(version) + 1))
    assert scene.customer.user_id not in disagreements(scene.instance)


def test_the_scripts_of_this_test_are_those_of_the_workers(scene):
    for text, name in ((script("PREPARE"), PREPARE), (script("PROMOTE"), PROMOTE)):
        assert hashlib.sha1(text.encode()).hexdigest().encode() == name
    assert all(scene.instance.mirror().script_exists(PREPARE.decode(), PROMOTE.decode()))
