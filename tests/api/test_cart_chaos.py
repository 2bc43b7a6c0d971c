"""Workers, MariaDB and the mirror die, freeze and lose data under 8 callers; the whole history
of what these saw is checked afterwards. HALLE_LONG makes 200 injections of 12."""

import os
import random
import signal
import time

import pytest

from callers import Callers
from harness import kill, private_instance
from history import FAIL, INFO, OK, READ, violations
from mirrors import mirror_store
from stores import Watch, converge, every_failure_is_journalled, operations

LONG = bool(os.environ.get("HALLE_LONG"))
INJECTIONS = 200 if LONG else 12
WRITES = 20000 if LONG else 1200  # acknowledged at least
CRASHES = 60 if LONG else 6
SEED = int(os.environ.get("HALLE_SEED", "1"))


@pytest.fixture(scope="module", params=["redis", "mariadb"])
def instance(request):
    with private_instance(HALLE_LIMITS="off", HALLE_MIRROR=request.param) as made:
        yield made


class Nemesis:
    """What breaks things, by the names of its methods; each leaves everything running."""

    def __init__(self, instance, seed):
        self.instance, self.random = instance, random.Random(seed)
        self.mirror = mirror_store(instance)

    def kill_a_worker(self):
        kill(self.random.choice(self.instance.workers("carts")))

    def kill_all_workers(self):
        for service in ("carts", "products"):
            for pid in self.instance.workers(service):
                kill(pid)

    def kill_mariadb(self):
        self.instance.stop("mariadb", signal.SIGKILL)
        self.instance.start_mariadb()

    def kill_mirror(self):
        self.mirror.take_away(signal.SIGKILL)
        self.mirror.give_back(signal.SIGKILL)

    def freeze(self, pid):
        kill(pid, signal.SIGSTOP)
        time.sleep(self.random.uniform(0.1, 1.5))
        kill(pid, signal.SIGCONT)

    def freeze_a_worker(self):
        self.freeze(self.random.choice(self.instance.workers("carts")))

    def freeze_mariadb(self):
        self.freeze(self.instance.pid("mariadb"))

    def freeze_mirror(self):
        self.freeze(self.instance.pid(self.mirror.process))

    def empty_mirror(self):
        self.mirror.empty()

    def appended(self):
        return sorted((self.instance.var / "data/redis").rglob("*.aof"))

    def lose_mirror_files(self):
        self.mirror.lose()

    def cut_redis_file(self):
        """As after a power failure: the end of what was appended is missing. InnoDB's files are
        not cut: a server that finds them so does not start, and its files are lost instead."""
        if self.mirror.process != "redis":
            return self.lose_mirror_files()
        self.instance.stop("redis", signal.SIGKILL)
        increments = [path for path in self.appended() if ".incr." in path.name]
        if increments:
            size = increments[-1].stat().st_size
            os.truncate(increments[-1], self.random.randint(size // 2, size))
        self.instance.start_redis()

    KINDS = (
        "kill_a_worker", "kill_mirror", "freeze_mirror", "kill_mariadb", "empty_mirror", "freeze_a_worker",
        "cut_redis_file", "kill_all_workers", "freeze_mariadb", "lose_mirror_files",
    )

    def plan(self, count):
        """Every kind once, then any."""
        kinds = list(self.KINDS) + [self.random.choice(self.KINDS) for _ in range(count)]
        return kinds[:count]


def figures(callers, found, watch, seconds):
    ops = callers.ops
    count = {o: sum(op.outcome == o and op.kind != READ for op in ops) for o in (OK, FAIL, INFO)}
    lost = sum(what.startswith("a: Op") for what in found)
    stale = sum(what.startswith("c:") for what in found)
    print(f"{count[OK]} writes acknowledged, {count[FAIL]} refused, {count[INFO]} unknown; "
          f"{sum(op.kind == READ and op.outcome == OK for op in ops)} reads; {lost} lost, {stale} stale; "
          f"{watch.looks} looks at both stores; they agreed after {seconds:.2f} s (promised: 5 s)")
    print(f"what callers met: {callers.troubles()}")


def check_all(instance, callers, watch):
    seconds = converge(instance)
    found = violations(callers.ops, operations(instance, callers.users))
    figures(callers, found, watch, seconds)
    assert found == []
    assert watch.found == [] and watch.looks > 0
    assert callers.gathered("odd") == []
    every_failure_is_journalled(instance, callers.gathered("mirror_refusals"))


def test_nothing_is_lost_whatever_dies(instance):
    nemesis = Nemesis(instance, SEED)
    with Callers(instance, seed=SEED) as callers, Watch(instance, callers.users) as watch:
        for number, kind in enumerate(nemesis.plan(INJECTIONS), 1):
            getattr(nemesis, kind)()
            callers.wait_for_more(max(10, (WRITES - callers.done) // (INJECTIONS + 1 - number)), each=False)
    check_all(instance, callers, watch)


def test_the_mirror_is_never_ahead_of_a_mariadb_that_crashed(instance):
    """It shows commits before they are on disk; the next writer of a cart must not rely on one."""
    with Callers(instance, carts=2, seed=SEED) as callers, Watch(instance, callers.users) as watch:
        for _ in range(CRASHES):
            callers.wait_for_more(40, each=False)
            instance.stop("mariadb", signal.SIGKILL)
            instance.start_mariadb()
        callers.wait_for_more(10)
    check_all(instance, callers, watch)
