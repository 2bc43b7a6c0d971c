"""A worker dies, waits or fails at every step of a write and of a repair; whatever is left
behind is put right, and what callers were told is so. Only in builds with crash points.
HALLE_LONG waits at every point, else at some."""

import os
import pathlib
import subprocess

import pytest

from callers import Callers
from crashes import WORDS, Crashes, build, compiled, points
from harness import eventually, private_instance
from history import violations
from stores import Watch, converge, every_failure_is_journalled, operations

only_compiled = pytest.mark.skipif(
    not compiled(), reason="this build has no crash points: configure --enable-crash-points"
)
REBUILD = ("rebuilt",)  # passed only after the mirror lost something
DELAYED = ("write_prepared", "write_commit", "repair")  # the others wait only when there is time
LONG = bool(os.environ.get("HALLE_LONG"))
PASSAGES = [
    (point, word)
    for point in points("carts")
    for word in WORDS
    if LONG or word != "delay" or point in DELAYED
]


@pytest.fixture(scope="module")
def crashes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("crashes")
    folder.chmod(0o777)
    return Crashes(pathlib.Path(folder))


@pytest.fixture(scope="module")
def instance(crashes):
    with private_instance(HALLE_LIMITS="off", HALLE_CRASH_DIR=str(crashes.folder)) as made:
        yield made


@pytest.fixture(scope="module")
def callers(instance):
    """One crowd for all points; its history is checked by every test once more."""
    return Callers(instance, count=3, carts=2)


def test_other_builds_contain_no_crash_point():
    """What is shipped cannot be made to die by a file in a folder."""
    program = f"{build()}/halle-carts"
    strings = subprocess.run(["strings", "-a", program], check=True, capture_output=True, text=True).stdout
    symbols = subprocess.run(["nm", program], check=True, capture_output=True, text=True).stdout
    assert ("HALLE_CRASH_DIR" in strings) == compiled()
    assert (" crash_point\n" in symbols) == compiled()


def provoke(instance, crashes, callers, point):
    """Writes until the point was passed. A repair needs something to repair: a write that was
    committed and never promoted."""
    if point in REBUILD:
        instance.mirror().flushall()

    def passed():
        if point.startswith("repair") and not (crashes.folder / "write_settle").exists():
            crashes.arm("write_settle", "error")
        return crashes.fired(point)

    with callers, Watch(instance, callers.users) as watch:
        eventually(passed, 60)
        crashes.disarm("write_settle")
        callers.wait_for_more(10, each=False)
    return watch


@only_compiled
def test_a_mirror_emptied_while_it_is_rebuilt_is_rebuilt_again(instance, crashes):
    """Else it would be called verified without the carts that were written before."""
    converge(instance)
    crashes.arm("rebuilt", "delay")
    instance.mirror().flushall()
    eventually(lambda: crashes.fired("rebuilt"))
    instance.mirror().flushall()
    converge(instance)


@only_compiled
@pytest.mark.parametrize("point, word", PASSAGES)
def test_a_crash_point_breaks_no_promise(instance, crashes, callers, point, word):
    crashes.arm(point, word)
    watch = provoke(instance, crashes, callers, point)
    seconds = converge(instance)
    found = violations(callers.ops, operations(instance, callers.users))
    print(f"{len(callers.ops)} operations; {callers.troubles()}; stores agreed after {seconds:.2f} s")
    assert found == [] and watch.found == []
    assert callers.gathered("odd") == []
    every_failure_is_journalled(instance, callers.gathered("mirror_refusals"))
