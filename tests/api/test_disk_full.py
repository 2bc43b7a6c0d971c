"""The volume of MariaDB, of Redis, of the journal is full, one after the other, while callers
write; nothing is lost, and all goes on when there is space again. HALLE_LONG only, and root
only, for each volume is a small file system of its own."""

import contextlib
import os
import shutil
import signal
import subprocess
import time

import pytest

from callers import Callers
from harness import data, eventually, is_running, private_instance, problem
from history import violations
from stores import Watch, converge, operations

LONG = bool(os.environ.get("HALLE_LONG"))
MIB = 1 << 20
FULL_S = 3  # seconds that a volume stays full
LINES = 10  # of the journal: more than the end of its last page holds

pytestmark = pytest.mark.skipif(not LONG or os.getuid() != 0, reason="HALLE_LONG=1 and root only")


@pytest.fixture(scope="module")
def instance():
    with private_instance(HALLE_LIMITS="off") as made:
        yield made


def used(folder):
    return int(subprocess.run(["du", "-sb", folder], check=True, capture_output=True, text=True).stdout.split()[0])


@contextlib.contextmanager
def small_volume(folder, spare):
    """The folder on a file system of its own, with this much more than is used."""
    kept = folder.with_name(folder.name + ".kept")
    folder.rename(kept)
    folder.mkdir()
    size = used(kept) + spare
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "halle-test", folder], check=True)
    try:
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        shutil.copystat(kept, folder)
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
        folder.rmdir()
        kept.rename(folder)


@contextlib.contextmanager
def full(folder):
    filler = folder / "filler"
    with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    assert shutil.disk_usage(folder).free == 0
    try:
        yield
    finally:
        filler.unlink()


def restart_if_gone(instance, name, start):
    """A server may end rather than go on with a full disk."""
    if not is_running(instance.pid(name)):
        start()


def starve(instance, folder, revive):
    with Callers(instance) as callers, Watch(instance, callers.users) as watch:
        with full(folder):
            time.sleep(FULL_S)
        began = time.monotonic()
        revive()
        callers.wait_for_more(50, each=False)
        print(f"goes on {time.monotonic() - began:.2f} s after there was space (promised: 10 s)")
    converge(instance)
    found = violations(callers.ops, operations(instance, callers.users))
    print(f"{callers.done} writes acknowledged; {callers.troubles()}")
    assert found == [] and watch.found == [] and callers.gathered("odd") == []
    return callers


def test_the_volume_of_redis_is_full(instance):
    folder = instance.var / "data/redis"
    instance.stop("redis")
    with small_volume(folder, 2 * MIB):
        instance.start_redis()
        callers = starve(instance, folder, lambda: restart_if_gone(instance, "redis", instance.start_redis))
        assert "MIRROR_UNAVAILABLE" in callers.troubles()
        instance.stop("redis")
        kept = folder.with_name("redis.kept")
        shutil.rmtree(kept)
        shutil.copytree(folder, kept)
    instance.start_redis()
    converge(instance)


def test_the_volume_of_mariadb_is_full(instance):
    folder = instance.var / "data/mariadb"
    instance.stop("mariadb")
    with small_volume(folder, 16 * MIB):
        instance.start_mariadb()
        starve(instance, folder, lambda: restart_if_gone(instance, "mariadb", instance.start_mariadb))
        instance.stop("mariadb")
        kept = folder.with_name("mariadb.kept")
        shutil.rmtree(kept)
        shutil.copytree(folder, kept)
    instance.start_mariadb()
    converge(instance)


def test_the_volume_of_the_journal_is_full(instance):
    """The answers are the same, and the counter tells that lines are missing."""
    customer, made = instance.new_user(), instance.new_product(instance.admin())
    before = instance.metric("halle_journal_errors_total", "carts")
    with small_volume(instance.var / "log", 1 * MIB), full(instance.var / "log"):
        os.kill(instance.pid("redis"), signal.SIGSTOP)
        try:
            for _ in range(LINES):
                problem(customer.add(made["id"]), 503, "MIRROR_UNAVAILABLE")
        finally:
            os.kill(instance.pid("redis"), signal.SIGCONT)
        data(eventually(lambda: (a := customer.add(made["id"])).status_code == 201 and a), 201)
    assert instance.metric("halle_journal_errors_total", "carts") > before
    converge(instance)
