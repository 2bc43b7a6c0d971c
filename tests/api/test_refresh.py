"""Refresh tokens: spent once, repeated for a lost answer, deadly when stolen."""

import hashlib
import threading
import time
import uuid

import pytest
import requests

from harness import PASSWORD, data, eventually, in_threads, kill, private_instance, problem
from tokens import claims_of


def refresh(client, token, **kw):
    return client.post("/auth/refresh", {"refresh_token": token}, **kw)


def hash_of(token):
    return hashlib.sha256(token.encode()).digest()


def age(instance, token, seconds):
    """As if the token had been spent this much earlier."""
    instance.rows("auth", "UPDATE refresh_token SET used_at = used_at - INTERVAL %s SECOND WHERE hash = %s",
                  seconds, hash_of(token))


def family(instance, token):
    return instance.rows(
        "auth", "SELECT s.*, t.expires_at AS token_ends FROM session s JOIN refresh_token t"
        " ON t.session_id = s.id WHERE t.hash = %s", hash_of(token))[0]


def unspent(instance, token):
    """Hashes of the family's tokens that were not exchanged yet."""
    return [row["hash"] for row in instance.rows(
        "auth", "SELECT hash FROM refresh_token WHERE used_at IS NULL AND session_id ="
        " (SELECT session_id FROM refresh_token WHERE hash = %s)", hash_of(token))]


def revocations(instance, sid):
    return instance.rows("auth", "SELECT * FROM revocation WHERE session_id = %s", uuid.UUID(sid).bytes)


@pytest.fixture(autouse=True)
def _nothing_broke(unharmed):
    yield


def test_a_refresh_gives_the_next_pair_of_the_same_session(instance, customer, anyone):
    answer = refresh(anyone, customer.refresh_token)
    got = data(answer)
    assert set(got) == {"access_token", "refresh_token", "token_type", "expires_in", "refresh_expires_at"}
    assert got["token_type"] == "Bearer" and got["expires_in"] == 3600
    assert len(got["refresh_token"]) == 43 and got["refresh_token"] != customer.refresh_token
    assert got["refresh_expires_at"] > time.time() + 29 * 86400
    assert answer.headers["Cache-Control"] == "no-store" and "Set-Cookie" not in answer.headers
    before, after = claims_of(customer.token), claims_of(got["access_token"])
    assert before["sid"] == after["sid"] and before["jti"] != after["jti"]
    assert data(instance.client(got["access_token"]).get("/auth/profile"))["user_id"] == customer.user_id
    assert data(refresh(anyone, got["refresh_token"]))["refresh_token"] not in (
        got["refresh_token"], customer.refresh_token)


def test_fifty_at_once_get_one_successor(instance, customer):
    clients = [instance.client() for _ in range(50)]

    def once(i):
        while (answer := refresh(clients[i], customer.refresh_token)).status_code == 503:
            pass
        return data(answer)

    got = in_threads(50, once)
    assert len({g["refresh_token"] for g in got}) == 1
    assert unspent(instance, customer.refresh_token) == [hash_of(got[0]["refresh_token"])]
    for g in got[::10]:
        assert data(instance.client(g["access_token"]).get("/auth/validate"))
    assert data(refresh(clients[0], got[0]["refresh_token"]))


def test_a_lost_answer_is_repeated(instance, customer, anyone):
    first = data(refresh(anyone, customer.refresh_token))
    age(instance, customer.refresh_token, 2)
    again = data(refresh(anyone, customer.refresh_token))
    assert again["refresh_token"] == first["refresh_token"]
    assert again["access_token"] != first["access_token"]
    assert again["refresh_expires_at"] == first["refresh_expires_at"]
    # and still when the successor was spent meanwhile
    third = data(refresh(anyone, first["refresh_token"]))
    late = data(refresh(anyone, customer.refresh_token))
    assert late["refresh_token"] == first["refresh_token"]
    assert unspent(instance, customer.refresh_token) == [hash_of(third["refresh_token"])]


def test_a_stolen_token_shown_again_kills_the_family(instance, customer, anyone):
    reused = instance.metric("halle_refresh_reused_total", "auth")
    sid = claims_of(customer.token)["sid"]
    thief = data(refresh(anyone, customer.refresh_token))
    age(instance, customer.refresh_token, 11)
    assert not revocations(instance, sid)
    answer = refresh(anyone, customer.refresh_token)
    problem(answer, 401, "REFRESH_TOKEN_REUSED")
    assert len(revocations(instance, sid)) == 1
    assert family(instance, customer.refresh_token)["revoked_at"] is not None
    assert instance.metric("halle_refresh_reused_total", "auth") == reused + 1
    for token in (thief["refresh_token"], customer.refresh_token):
        problem(refresh(anyone, token), 401, "INVALID_REFRESH_TOKEN")
    log = (instance.var / "log/auth.log").read_text()
    assert any('"auth.refresh_reused"' in line and sid in line for line in log.splitlines())
    assert customer.refresh_token not in log and thief["refresh_token"] not in log
    # another session of the same user lives on
    other = instance.login(customer.username, PASSWORD)
    assert data(refresh(anyone, other.refresh_token))


def test_parallel_replays_end_the_family_once(instance, customer, anyone):
    sid = claims_of(customer.token)["sid"]
    data(refresh(anyone, customer.refresh_token))
    age(instance, customer.refresh_token, 11)
    answers = in_threads(8, lambda i: refresh(instance.client(), customer.refresh_token))
    codes = sorted(problem(a, 401)["error"]["code"] for a in answers)
    assert codes == ["INVALID_REFRESH_TOKEN"] * 7 + ["REFRESH_TOKEN_REUSED"]
    assert len(revocations(instance, sid)) == 1


@pytest.mark.parametrize("token", ["x", "A" * 43, "A" * 256, "é" * 20, "' OR 1=1 -- "])
def test_an_unknown_token_is_refused(anyone, token):
    problem(refresh(anyone, token), 401, "INVALID_REFRESH_TOKEN")


@pytest.mark.parametrize("body, code", [({}, "required"), ({"refresh_token": ""}, "min_length"),
                                        ({"refresh_token": 7}, "type"), ({"refresh_token": None}, "type"),
                                        ({"refresh_token": "A" * 257}, "max_length")])
def test_a_body_without_a_token_names_it(anyone, body, code):
    got = problem(anyone.post("/auth/refresh", body), 400, "VALIDATION_FAILED")
    assert got["errors"][0]["pointer"] == "#/refresh_token" and got["errors"][0]["code"] == code


def test_an_expired_token_is_refused_and_ends_nothing(instance, customer, anyone):
    sql = "UPDATE refresh_token SET expires_at = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND WHERE hash = %s"
    instance.rows("auth", sql, hash_of(customer.refresh_token))
    problem(refresh(anyone, customer.refresh_token), 401, "INVALID_REFRESH_TOKEN")
    row = family(instance, customer.refresh_token)
    assert row["revoked_at"] is None and unspent(instance, customer.refresh_token)


def test_tokens_slide_but_a_session_has_an_end(instance, customer, anyone):
    """30 days each, 90 in all."""
    token = customer.refresh_token
    set_age = ("UPDATE session SET created_at = created_at - INTERVAL %s DAY WHERE id ="
               " (SELECT session_id FROM refresh_token WHERE hash = %s)")
    instance.rows("auth", set_age, 50, hash_of(token))
    got = data(refresh(anyone, token))
    row = family(instance, got["refresh_token"])
    assert 29.9 < (row["token_ends"] - row["last_used_at"]).total_seconds() / 86400 <= 30
    instance.rows("auth", set_age, 30, hash_of(token))
    got = data(refresh(anyone, got["refresh_token"]))
    row = family(instance, got["refresh_token"])
    assert row["token_ends"] == row["expires_at"]
    assert (row["expires_at"] - row["created_at"]).total_seconds() == 90 * 86400
    assert abs(got["refresh_expires_at"] - time.time() - 10 * 86400) < 300
    instance.rows("auth", set_age, 10, hash_of(token))
    problem(refresh(anyone, got["refresh_token"]), 401, "INVALID_REFRESH_TOKEN")


def test_the_role_and_the_name_are_those_of_now(instance, customer, anyone):
    name = "n" + uuid.uuid4().hex[:16]
    instance.rows("auth", "UPDATE account SET role = 'admin', username = %s WHERE id = %s", name, customer.user_id)
    claims = claims_of(data(refresh(anyone, customer.refresh_token))["access_token"])
    assert claims["role"] == "admin" and claims["sub"] == name


def test_a_disabled_account_gets_nothing_and_its_token_stays_unspent(instance, customer, anyone):
    spent = data(refresh(anyone, customer.refresh_token))
    instance.rows("auth", "UPDATE account SET status = 'disabled' WHERE id = %s", customer.user_id)
    for token in (spent["refresh_token"], customer.refresh_token):
        problem(refresh(anyone, token), 401, "INVALID_REFRESH_TOKEN")
    assert unspent(instance, customer.refresh_token) == [hash_of(spent["refresh_token"])]
    instance.rows("auth", "UPDATE account SET status = 'active' WHERE id = %s", customer.user_id)
    assert data(refresh(anyone, spent["refresh_token"]))


def test_the_answer_is_not_kept_for_an_idempotency_key(instance, customer, anyone):
    key = {"Idempotency-Key": uuid.uuid4().hex}
    first = data(refresh(anyone, customer.refresh_token, headers=key))
    again = refresh(anyone, customer.refresh_token, headers=key)
    assert data(again)["refresh_token"] == first["refresh_token"] and "Idempotent-Replayed" not in again.headers
    bodies = instance.rows("auth", "SELECT body FROM idem")
    assert not any(first["refresh_token"].encode() in row["body"] for row in bodies)


def test_all_changes_of_one_account_at_once_get_on(instance, customer):
    """No 5xx (a deadlock that was not resolved would be one), and the last word is kept."""
    logins = [instance.login(customer.username, PASSWORD) for _ in range(6)]
    words = [PASSWORD, "another correct horse staple"]

    def act(i):
        client = (logins + [customer, customer])[i].another()
        token = (logins + [customer, customer])[i].refresh_token
        seen = set()
        for n in range(12):
            if i == 6:
                body = {"current": words[n % 2], "new": words[(n + 1) % 2]}
                answer = client.post("/auth/password", body)
            elif i == 7:
                answer = client.get("/auth/sessions")
            elif i < 2 and n == 8:
                answer = client.post("/auth/logout", {"refresh_token": token})
            else:
                answer = refresh(client, token)
                token = answer.json()["data"]["refresh_token"] if answer.status_code == 200 else token
            seen.add(answer.status_code)
        return seen

    seen = in_threads(8, act)
    assert set().union(*seen) <= {200, 401}, seen
    assert seen[6] <= {200, 401} and 200 in seen[6]
    for client in logins:
        assert family(instance, client.refresh_token)["revoked_at"] is not None
    assert family(instance, customer.refresh_token)["revoked_at"] is None


def keep_refreshing(instance, client, token, end, chain):
    """Never gives a token up before its successor is here, however long a restart takes."""
    while not end.is_set():
        try:
            answer = refresh(client, token)
            if answer.status_code < 500:
                token = data(answer)["refresh_token"]
                chain.append(token)
                continue
        except requests.RequestException:
            pass
        instance.rows("auth", "UPDATE refresh_token SET used_at = UTC_TIMESTAMP(6) WHERE hash = %s"
                      " AND used_at IS NOT NULL", hash_of(token))


def test_a_worker_killed_at_any_point_leaves_a_token_that_works():
    with private_instance(HALLE_LIMITS="off") as instance:
        users = [instance.new_user() for _ in range(4)]
        chains, end = [[u.refresh_token] for u in users], threading.Event()
        threads = [threading.Thread(target=keep_refreshing, args=(instance, u.another(), c[0], end, c))
                   for u, c in zip(users, chains)]
        for thread in threads:
            thread.start()
        for _ in range(6):
            before = sum(len(c) for c in chains)
            eventually(lambda: sum(len(c) for c in chains) >= before + 12, 60)
            for pid in instance.workers("auth"):
                kill(pid)
        end.set()
        for thread in threads:
            thread.join(60)
        instance.rows("auth", "UPDATE refresh_token SET used_at = UTC_TIMESTAMP(6) WHERE used_at IS NOT NULL")
        for user, chain in zip(users, chains):
            assert len(unspent(instance, chain[0])) == 1
            assert len(set(chain)) == len(chain)
            eventually(lambda: data(refresh(user, chain[-1])))  # within its time of grace, whatever became of the first
            assert family(instance, chain[0])["revoked_at"] is None
        holes = instance.rows("auth", "SELECT hash FROM refresh_token WHERE used_at IS NOT NULL AND successor IS NULL")
        assert holes == ()
