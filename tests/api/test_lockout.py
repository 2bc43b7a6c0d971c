"""Guessing passwords: counted, delayed, and no different for names that nobody has."""

import datetime
import hashlib
import json
import os
import re
import threading
import uuid

import pytest

from harness import HANG, PASSWORD, data, in_threads, problem

WRONG = "wrong password"


def login(client, username, password=WRONG):
    return client.post("/auth/login", {"username": username, "password": password})


def subject(text):
    return hashlib.sha256(text.encode()).digest()


def rows(instance, text):
    return instance.rows("auth", "SELECT * FROM login_failure WHERE subject = %s", subject(text))


def pass_time(instance, text, seconds):
    """As if this much time had passed for one account."""
    instance.rows("auth", "UPDATE login_failure SET since = since - INTERVAL %s SECOND,"
                  " until = until - INTERVAL %s SECOND WHERE subject = %s", seconds, seconds, subject(text))


def nobody():
    return "Nobody-" + uuid.uuid4().hex


def hold(instance):
    """No wait that has begun ends while the test looks at it."""
    instance.rows("auth", "UPDATE login_failure SET until = UTC_TIMESTAMP(6) + INTERVAL 600 SECOND WHERE until IS NOT NULL")


def fail_often(instance, client, names):
    """The five free failures, and a wait that does not end."""
    for name in names:
        problem(login(client, name), 401, "INVALID_CREDENTIALS")
    hold(instance)


def test_five_failures_are_free_then_the_wait_doubles_up_to_a_quarter_of_an_hour(instance, customer, anyone):
    me = f"id:{customer.user_id}"

    def now():
        return instance.rows("auth", "SELECT UTC_TIMESTAMP(6) AS now")[0]["now"]

    for _ in range(4):
        problem(login(anyone, customer.username), 401, "INVALID_CREDENTIALS")
        assert rows(instance, me)[0]["until"] is None
    for i, wait in enumerate((1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900)):
        before = now()
        problem(login(anyone, customer.username), 401, "INVALID_CREDENTIALS")
        row, after = rows(instance, me)[0], now()
        assert row["failures"] == 5 + i
        assert before <= row["until"] - datetime.timedelta(seconds=wait) <= after
        hold(instance)
        row = rows(instance, me)[0]
        refused(login(anyone, customer.username, PASSWORD))
        assert rows(instance, me)[0] == row, "a refused attempt changes nothing"
        instance.rows("auth", "UPDATE login_failure SET until = UTC_TIMESTAMP(6) WHERE subject = %s", subject(me))


def refused(answer):
    problem(answer, 429, "TOO_MANY_ATTEMPTS")
    after = int(answer.headers["Retry-After"])
    assert 1 <= after <= 600
    assert answer.headers["RateLimit"] == f'"account";r=0;t={after}'
    assert answer.headers["RateLimit-Policy"] == '"account";q=5;w=900'


def test_the_right_password_ends_the_count(instance, customer, anyone):
    for _ in range(4):
        problem(login(anyone, customer.username), 401)
    data(login(anyone, customer.username, PASSWORD))
    assert not rows(instance, f"id:{customer.user_id}")
    for _ in range(4):
        problem(login(anyone, customer.username), 401)
    data(login(anyone, customer.username, PASSWORD))


def test_a_quarter_of_an_hour_ends_the_count(instance, customer, anyone):
    me = f"id:{customer.user_id}"
    for _ in range(4):
        problem(login(anyone, customer.username), 401)
    pass_time(instance, me, 901)
    problem(login(anyone, customer.username), 401)
    assert rows(instance, me)[0]["failures"] == 1
    for _ in range(4):
        problem(login(anyone, customer.username), 401)
    pass_time(instance, me, 902)
    problem(login(anyone, customer.username), 401)
    assert rows(instance, me)[0]["failures"] == 1 and rows(instance, me)[0]["until"] is None


def test_name_and_address_of_an_account_are_counted_together(instance, customer, anyone):
    fail_often(instance, anyone, [f"{customer.username}@example.com", customer.username.upper()] * 2 + [customer.username])
    refused(login(anyone, customer.username, PASSWORD))
    refused(login(anyone, f"{customer.username}@example.com", PASSWORD))


def test_a_refresh_token_still_works_while_the_name_is_delayed(instance, customer, anyone):
    fail_often(instance, anyone, [customer.username] * 5)
    refused(login(anyone, customer.username, PASSWORD))
    data(anyone.post("/auth/refresh", {"refresh_token": customer.refresh_token}))
    assert data(customer.get("/auth/profile"))


def counters(instance):
    return instance.metric("halle_login_delayed_total", "auth"), hashed(instance)


def hashed(instance):
    log = (instance.var / "log/auth.log").read_text()
    return len(re.findall(r'"event":"auth.login_refused"', log))


def test_brute_force_bounded_one_after_the_other(unharmed, instance, customer, other, anyone):
    """1,000 guesses spread over a quarter of an hour of the account's own time."""
    me, delayed = f"id:{customer.user_id}", counters(instance)
    statuses = []
    for i in range(1000):
        statuses.append(login(anyone, customer.username).status_code)
        if i % 10 == 9:
            pass_time(instance, me, 9)
        if i % 250 == 0:
            data(login(instance.client(), other.username, PASSWORD))
    tried = statuses.count(401)
    assert statuses.count(429) == 1000 - tried
    assert 5 <= tried <= 20, tried
    after = counters(instance)
    assert after == (delayed[0] + 1000 - tried, delayed[1] + tried)


@pytest.mark.parametrize("known", [True, False])
def test_brute_force_bounded_twenty_at_once(instance, customer, other, known):
    name = customer.username if known else nobody()
    before = counters(instance)

    def guess(i):
        client = instance.client()
        if i == 20:  # others are not in the way
            return [status(client, other.username, PASSWORD) for _ in range(5)]
        return [status(client, name) for _ in range(50)]

    got = in_threads(21, guess)
    assert got.pop() == [200] * 5
    statuses = [status for many in got for status in many]
    tried = statuses.count(401)
    assert set(statuses) == {401, 429} and 5 <= tried <= 20, tried
    after = counters(instance)
    assert after[1] == before[1] + tried and after[0] - before[0] == statuses.count(429)


def status(client, name, password=WRONG):
    """Asked again while the server is busy."""
    while (answer := login(client, name, password)).status_code == 503:
        pass
    return answer.status_code


def shape(answer):
    """All of an answer but what differs between any two."""
    headers = {k: v for k, v in answer.headers.items()
               if k not in ("X-Request-Id", "Date", "Server-Timing", "Retry-After", "RateLimit")}
    body = re.sub(rb'"request_id":"[0-9a-f]{32}"', b"", answer.content)
    assert json.loads(answer.content)["request_id"] == answer.headers["X-Request-Id"]
    return answer.status_code, headers, body, sorted(answer.headers)


def test_unknown_user_and_wrong_password_indistinguishable(instance, customer, other, anyone):
    """Byte for byte, at every attempt, whatever the form of the name; a disabled account too."""
    instance.rows("auth", "UPDATE account SET status = 'disabled' WHERE id = %s", other.user_id)
    name = nobody()
    names = [customer.username, name, nobody() + "@example.com", other.username, "no such form \u00e9 " + name]
    seen = []
    for i in range(8):
        password = PASSWORD if i % 2 else WRONG
        answers = [login(anyone, n, WRONG if n == customer.username else password) for n in names]
        shapes = [shape(a) for a in answers]
        assert all(s == shapes[0] for s in shapes), shapes
        seen.append(shapes[0][0])
        hold(instance)
        assert len({a.headers.get("Retry-After") is None for a in answers}) == 1
    assert seen == [401] * 5 + [429] * 3
    assert rows(instance, "name:" + name.lower())[0]["failures"] == 5
    assert rows(instance, f"id:{customer.user_id}")[0]["failures"] == 5


def test_case_does_not_make_another_name(instance, anyone):
    name = nobody()
    fail_often(instance, anyone, [name.upper(), name.lower()] * 2 + [name])
    refused(login(anyone, name.swapcase()))


def test_missing_credentials_are_no_attempt(instance, customer, anyone):
    for _ in range(8):
        problem(login(anyone, customer.username, ""), 400, "MISSING_CREDENTIALS")
    data(login(anyone, customer.username, PASSWORD))


def test_parallel_logins_with_the_right_password_work(instance, customer):
    statuses = in_threads(5, lambda i: login(instance.client(), customer.username, PASSWORD).status_code)
    assert statuses == [200] * 5
    assert not rows(instance, f"id:{customer.user_id}")


def test_logins_in_the_same_microsecond_all_work(instance, customer):
    """Two in a thousand were refused once: the row looked unchanged."""
    gate = threading.Barrier(4)

    def enter(_):
        client = instance.client()
        for _ in range(250 if os.environ.get("HALLE_LONG") else 40):
            gate.wait(HANG)
            data(login(client, customer.username, PASSWORD))

    in_threads(4, enter, 600)
