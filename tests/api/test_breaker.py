"""The circuit breaker before the bank, over all processes together: a bank that hangs is left alone,
answers are quick meanwhile, and one call finds out when it is back."""

import signal

import pytest

from harness import data, eventually, in_threads, is_running, kill, private_instance, problem
from ordering import Orders
from paying import APPROVED, DECLINED, behave, configure, ledgers_agree, pay

OPEN_S = 6
CALLS = "halle_bank_calls_total"


def renew(instance):
    """Workers of payments with the configuration as it is."""
    for pid in instance.workers("payments"):
        kill(pid, signal.SIGTERM)
        eventually(lambda: not is_running(pid), 60)
    eventually(lambda: instance.client().get("/payments/readyz").status_code == 200, 60)


@pytest.fixture(scope="module")
def instance():
    with private_instance(HALLE_LIMITS="off") as made:
        configure(made, breaker_open_s=OPEN_S)
        renew(made)
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


@pytest.fixture(autouse=True)
def afterwards_all_is_well(instance, orders, admin, user):
    yield
    behave(admin)
    eventually(lambda: data(user.get("/payments/breaker"))["state"] != "open", 60)
    eventually(lambda: pay(user, orders.new(user)).status_code == 201, 60)
    assert data(user.get("/payments/breaker"))["state"] == "closed"
    ledgers_agree(instance)


def calls(instance):
    return instance.metric(CALLS, "bank")


def is_open(user):
    return data(user.get("/payments/breaker"))["state"] == "open"


def opened(instance, orders, admin, user):
    """The bank is down, and the breaker has found out."""
    behave(admin, down=True)
    eventually(lambda: pay(user, orders.new(user)).status_code == 503 and is_open(user))


def test_a_hanging_bank_is_called_25_times_at_most(instance, orders, admin, user):
    order_ids = [orders.new(user) for _ in range(32)]
    clients = [user.another() for _ in range(32)]
    behave(admin, latency_ms=10000)
    before = calls(instance)
    answers = in_threads(32, lambda i: pay(clients[i], order_ids[i]))
    eventually(lambda: data(user.get("/payments/breaker"))["state"] != "closed")
    for _ in range(3):
        answers += in_threads(32, lambda i: pay(clients[i], order_ids[i]))
    reached = calls(instance) - before
    print(f"{reached} calls reached the bank; answers {sorted(a.status_code for a in answers)}")
    assert 3 <= reached <= 25
    assert {a.status_code for a in answers} <= {202, 409, 503}
    for answer in answers:
        if answer.status_code == 503:
            problem(answer, 503, "PROVIDER_UNAVAILABLE")
            assert 1 <= int(answer.headers["Retry-After"]) <= OPEN_S
            assert len(answer.raw.headers.getlist("Retry-After")) == 1


def test_an_open_breaker_writes_nothing_and_disturbs_nobody(instance, orders, admin, user):
    opened(instance, orders, admin, user)
    count = "SELECT COUNT(*) AS n FROM payment"
    before, begins, reached = instance.rows("payments", count), orders.begins, calls(instance)
    got = [pay(user, orders.new(user)) for _ in range(10)]
    assert is_open(user), "OPEN_S is too short for ten refusals"
    assert {a.status_code for a in got} == {503}
    assert orders.begins == begins and calls(instance) == reached
    assert instance.rows("payments", count) == before
    for path in ("/payments", "/products", "/cart", "/users/profile", "/payments/breaker"):
        assert user.get(path).status_code == 200
    assert instance.metric("halle_breaker_opened_total", "payments") >= 1


def test_a_key_is_answered_while_the_breaker_is_open(instance, orders, admin, user):
    order_id = orders.new(user)
    paid = data(pay(user, order_id, APPROVED, "kept-key"), 201)
    opened(instance, orders, admin, user)
    assert data(pay(user, order_id, APPROVED, "kept-key"), 201)["id"] == paid["id"]
    data(user.get(f"/payments/{paid['id']}"))


def test_declined_cards_open_nothing(instance, orders, user):
    for _ in range(10):
        for number in DECLINED:
            problem(pay(user, orders.new(user), number), 402)
    assert data(user.get("/payments/breaker")) == {"state": "closed", "failures": 0, "retry_after_s": 0}


def test_one_probe_of_all_processes_asks_a_bank_that_hangs(instance, orders, admin, user):
    opened(instance, orders, admin, user)
    behave(admin, latency_ms=2000)
    clients = [user.another() for _ in range(32)]
    order_ids = [orders.new(user) for _ in range(32)]
    before = calls(instance)
    assert is_open(user)
    eventually(lambda: not is_open(user), 30)
    in_threads(32, lambda i: pay(clients[i], order_ids[i]))
    assert calls(instance) - before == 1  # of a buyer or of the completer
    eventually(lambda: is_open(user))


def test_a_probe_that_is_killed_frees_its_place(instance, orders, admin, user):
    opened(instance, orders, admin, user)
    behave(admin, latency_ms=2000)
    eventually(lambda: not is_open(user), 30)
    before = calls(instance)
    in_threads(2, lambda i: probe_and_die(instance, orders, user, before) if i else None)
    behave(admin)


def probe_and_die(instance, orders, user, before):
    """Kills every worker of payments while one of them is on its way to the bank."""
    client, order_id = user.another(), orders.new(user)

    def run(i):
        if i == 0:
            return pay(client, order_id).status_code
        eventually(lambda: calls(instance) > before)
        for pid in instance.workers("payments"):
            kill(pid)
        return None

    in_threads(2, run)
    eventually(lambda: user.get("/payments/breaker").status_code == 200, 60)


def test_it_survives_its_processes(instance, orders, admin, user):
    configure(instance, breaker_open_s=3600)
    renew(instance)
    opened(instance, orders, admin, user)
    for pid in instance.workers("payments"):
        kill(pid)
    eventually(lambda: user.get("/payments/readyz").status_code == 200 and is_open(user), 60)
    # in its place, and not into it: the completers have it mapped
    (instance.var / "run/metrics/spoilt").write_bytes(b"x")
    (instance.var / "run/metrics/spoilt").replace(instance.var / "run/metrics/payments.breaker")
    configure(instance, breaker_open_s=OPEN_S)
    for pid in instance.workers("payments"):
        kill(pid)
    behave(admin)
    eventually(lambda: user.get("/payments/readyz").status_code == 200 and not is_open(user), 60)
