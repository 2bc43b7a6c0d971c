"""A worker dies, waits or fails at every step of a reservation's change: whoever asks again gets what he asked for,
once, and the books agree. Only in builds with crash points."""

import http.client
import pathlib
import time

import pytest

from crashes import WORDS, Crashes, compiled, points
from harness import eventually, private_instance
from reservations import audit, commit, extend, new_id, overdue, release, reserve, state_of, tell, wrong_books

pytestmark = pytest.mark.skipif(
    not compiled(), reason="this build has no crash points: configure --enable-crash-points"
)

TRIED = 30  # seconds after which a test gives up


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
def admin(instance):
    return instance.admin()


def surely(verb, *arguments, **more):
    """Asks until it is answered for good."""
    end = time.monotonic() + TRIED
    while time.monotonic() < end:
        try:
            status, body = verb(*arguments, **more)
        except (OSError, ValueError, http.client.HTTPException):
            status = 0
        if status in (200, 204, 409):
            return status
        assert status in (0, 500, 502, 503, 504), body
        time.sleep(0.05)
    raise AssertionError("no answer for good")


def settle_points():
    return ["settle_locked", "settle_moved", "settle_done", "route_committed"]


def prepared(instance, product, state):
    """A reservation of 3 in this state."""
    name = new_id()
    if state == "none":
        return name
    assert surely(reserve, instance, name, {product: 3}) == 200
    if state == "committed":
        assert surely(commit, instance, name) == 200
    if state == "expired":
        overdue(instance, name)
        eventually(lambda: state_of(instance, name) == "expired")
    return name


def told(instance, kind, name, event):
    return tell(instance, kind, name, event_id=event), None


RESERVE_POINTS = ["reserve_locked", "reserve_written", "reserve_moved", "route_committed"]
STEPS = (
    [("reserve", before, "held", point) for before in ("none", "expired") for point in RESERVE_POINTS]
    + [("commit", before, "committed", point) for before in ("held", "expired") for point in settle_points()]
    + [("release", before, "released", point) for before in ("held", "committed") for point in settle_points()]
    + [("commit event", "held", "committed", point) for point in settle_points()]
    + [("release event", "committed", "released", point) for point in settle_points()]
    + [("extend", "held", "held", "route_committed")]
)


def step(instance, what, name, product, event):
    """The call and its arguments."""
    return {
        "reserve": (reserve, instance, name, {product: 3}),
        "extend": (extend, instance, name),
        "commit": (commit, instance, name),
        "release": (release, instance, name),
        "commit event": (told, instance, "reservation.commit", name, event),
        "release event": (told, instance, "reservation.release", name, event),
    }[what]


def test_every_point_of_products_is_tried():
    assert set(points("products")) == {point for *_, point in STEPS} - {"route_committed"} | {
        "expiry_moved", "replace_released",
    }


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("what, before, after, point", STEPS)
def test_a_crash_in_a_step_breaks_no_promise(instance, admin, crashes, what, before, after, point, word):
    product = instance.new_product(admin, storage_quantity=10)["id"]
    name = prepared(instance, product, before)
    crashes.arm(point, word)
    assert surely(*step(instance, what, name, product, new_id())) in (200, 204)
    assert crashes.fired(point)
    assert state_of(instance, name) == after
    assert wrong_books(instance, {product: 10}) == []


@pytest.mark.parametrize("word", WORDS)
def test_a_crash_in_a_replacement_breaks_no_promise(instance, admin, crashes, word):
    product = instance.new_product(admin, storage_quantity=4)["id"]
    first, second = prepared(instance, product, "held"), new_id()
    crashes.arm("replace_released", word)
    assert surely(reserve, instance, second, {product: 4}, instead_of=first) == 200
    assert crashes.fired("replace_released")
    assert (state_of(instance, first), state_of(instance, second)) == ("expired", "held")
    assert wrong_books(instance, {product: 4}) == []


@pytest.mark.parametrize("word", WORDS)
def test_a_crash_of_the_expiry_breaks_no_promise(instance, admin, crashes, word):
    product = instance.new_product(admin, storage_quantity=10)["id"]
    names = [prepared(instance, product, "held") for _ in range(3)]
    crashes.arm("expiry_moved", word)
    for name in names:
        overdue(instance, name)
    eventually(lambda: [state_of(instance, name) for name in names] == ["expired"] * 3, 60)
    assert crashes.fired("expiry_moved")
    assert wrong_books(instance, {product: 10}) == []


def test_the_audit_finds_nothing_after_all_that(instance):
    assert audit(instance)[0] == []
