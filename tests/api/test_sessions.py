"""Logging out, the list of sessions, another password."""

import re
import subprocess
import uuid

import pytest

from harness import PASSWORD, data, in_threads, problem
from tokens import claims_of

NEW = "another correct horse staple"


@pytest.fixture(autouse=True)
def _nothing_broke(unharmed):
    yield


def sid(client):
    return claims_of(client.token)["sid"]


def refreshed(instance, client):
    return instance.client().post("/auth/refresh", {"refresh_token": client.refresh_token})


def sessions(client):
    answer = client.get("/auth/sessions").json()
    assert answer["count"] == len(answer["data"])
    return answer["data"]


def revoked(instance):
    """Session ids that every worker must refuse."""
    rows = instance.rows("auth", "SELECT session_id FROM revocation WHERE session_id IS NOT NULL")
    return [str(uuid.UUID(bytes=row["session_id"])) for row in rows]


def done(answer):
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"success", "message"} and answer.json()["success"] is True


# -- logging out


def test_logging_out_ends_this_session_only(instance, customer):
    other = instance.login(customer.username, PASSWORD)
    done(customer.post("/auth/logout", {}))
    assert revoked(instance).count(sid(customer)) == 1 and sid(other) not in revoked(instance)
    problem(refreshed(instance, customer), 401, "INVALID_REFRESH_TOKEN")
    assert data(refreshed(instance, other))


def test_logging_out_ends_the_shown_tokens_family_too(instance, customer):
    other = instance.login(customer.username, PASSWORD)
    spent = data(refreshed(instance, other))
    done(customer.post("/auth/logout", {"refresh_token": other.refresh_token}))
    assert {sid(customer), sid(other)} <= set(revoked(instance))
    problem(instance.client().post("/auth/refresh", {"refresh_token": spent["refresh_token"]}), 401)


def test_nobody_logs_another_user_out(instance, customer, other):
    done(customer.post("/auth/logout", {"refresh_token": other.refresh_token}))
    assert sid(other) not in revoked(instance) and data(refreshed(instance, other))


def test_logging_out_with_a_token_of_nobody_is_no_error(customer):
    done(customer.post("/auth/logout", {"refresh_token": "A" * 43}))


def test_parallel_log_outs_revoke_once(instance, customer):
    clients = [customer.another() for _ in range(8)]
    body = {"refresh_token": customer.refresh_token}
    statuses = in_threads(8, lambda i: clients[i].post("/auth/logout", body).status_code)
    assert set(statuses) <= {200, 401} and 200 in statuses
    assert revoked(instance).count(sid(customer)) == 1


@pytest.mark.parametrize("body, pointer", [({"refresh_token": 1}, "#/refresh_token"), ({"user_id": 1}, "#/user_id")])
def test_a_bad_log_out_changes_nothing(instance, customer, body, pointer):
    got = problem(customer.post("/auth/logout", body), 400, "VALIDATION_FAILED")
    assert got["errors"][0]["pointer"] == pointer and sid(customer) not in revoked(instance)
    problem(customer.request("POST", "/auth/logout"), 415)


# -- the list


def test_the_list_tells_own_live_sessions_newest_first(instance, customer, other):
    second = instance.login(customer.username, PASSWORD)
    third = instance.login(customer.username, PASSWORD)
    got = sessions(second)
    assert [s["id"] for s in got] == [sid(third), sid(second), sid(customer)]
    assert [s["current"] for s in got] == [False, True, False]
    one = got[0]
    assert set(one) == {"id", "device", "ip", "created", "last_used", "expires", "current"}
    assert one["device"].startswith("python-requests/") and one["ip"] == "127.0.0.1"
    for name in ("created", "last_used", "expires"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", one[name])
    assert sid(other) not in [s["id"] for s in got]
    third.post("/auth/logout", {})
    instance.rows("auth", "UPDATE session SET expires_at = UTC_TIMESTAMP(6) WHERE id = %s", uuid.UUID(sid(customer)).bytes)
    assert [s["id"] for s in sessions(second)] == [sid(second)]


def test_a_refresh_shows_as_last_use(instance, customer):
    instance.rows("auth", "UPDATE session SET created_at = created_at - INTERVAL 1 DAY, last_used_at ="
                  " last_used_at - INTERVAL 1 DAY WHERE account_id = %s", customer.user_id)
    before = sessions(customer)[0]
    data(refreshed(instance, customer))
    after = sessions(customer)[0]
    assert after["last_used"] > before["last_used"] and after["created"] == before["created"]


def test_a_device_cannot_write_into_the_list(instance, customer):
    anyone = instance.client()
    body = {"username": customer.username, "password": PASSWORD}
    data(anyone.post("/auth/login", body, headers={"User-Agent": 'a"b\\c\u00e9<x>'.encode() + b"d" * 300}))
    device = sessions(customer)[0]["device"]
    assert device.startswith('a"b\\c??<x>ddd') and len(device) == 255


# -- ending one


def test_one_session_is_ended_by_its_id(instance, customer):
    second = instance.login(customer.username, PASSWORD)
    done(customer.delete("/auth/sessions/" + sid(second).upper()))
    assert revoked(instance).count(sid(second)) == 1
    problem(refreshed(instance, second), 401, "INVALID_REFRESH_TOKEN")
    problem(customer.delete("/auth/sessions/" + sid(second)), 404, "SESSION_NOT_FOUND")
    assert data(refreshed(instance, customer))


def test_somebody_elses_session_does_not_exist(instance, customer, other, admin):
    for stranger in (other, admin):
        problem(stranger.delete("/auth/sessions/" + sid(customer)), 404, "SESSION_NOT_FOUND")
    assert sid(customer) not in revoked(instance) and data(refreshed(instance, customer))


@pytest.mark.parametrize("bad", ["1", "x", "0192f000000070008000000000000000", "0192f000-0000-7000-8000-00000000000g"])
def test_an_id_that_is_no_uuid_is_not_found(customer, bad):
    problem(customer.delete("/auth/sessions/" + bad), 404, "NOT_FOUND")


def test_an_idempotency_key_belongs_to_one_session(instance, customer):
    key = {"Idempotency-Key": uuid.uuid4().hex}
    second, third = (instance.login(customer.username, PASSWORD) for _ in range(2))
    done(customer.delete("/auth/sessions/" + sid(second), headers=key))
    again = customer.delete("/auth/sessions/" + sid(second), headers=key)
    done(again)
    assert again.headers["Idempotent-Replayed"] == "true"
    problem(customer.delete("/auth/sessions/" + sid(third), headers=key), 422, "IDEMPOTENCY_KEY_REUSED")


# -- the password


def change(client, current=PASSWORD, new=NEW, **kw):
    return client.post("/auth/password", {"current": current, "new": new}, **kw)


def test_another_password_ends_every_other_session(instance, customer, other):
    second, third = (instance.login(customer.username, PASSWORD) for _ in range(2))
    done(change(customer))
    assert {sid(second), sid(third)} <= set(revoked(instance))
    assert sid(customer) not in revoked(instance) and sid(other) not in revoked(instance)
    for gone in (second, third):
        problem(refreshed(instance, gone), 401, "INVALID_REFRESH_TOKEN")
    assert data(refreshed(instance, customer)) and data(refreshed(instance, other))
    body = {"username": customer.username, "password": PASSWORD}
    problem(instance.client().post("/auth/login", body), 401, "INVALID_CREDENTIALS")
    assert instance.login(customer.username, NEW).user_id == customer.user_id


REFUSED = [
    ({"current": "wrong password"}, "#/current", "wrong"),
    ({"current": ""}, "#/current", "min_length"),
    ({"current": None}, "#/current", "type"),
    ({"new": PASSWORD}, "#/new", "same"),
    ({"new": "short"}, "#/new", "min_length"),
    ({"new": "x" * 129}, "#/new", "max_length"),
    ({"new": "Password123"}, "#/new", "common"),
    ({"role": "admin"}, "#/role", "unknown"),
]


@pytest.mark.parametrize("body, pointer, code", REFUSED, ids=lambda v: str(v)[:30])
def test_a_bad_change_names_the_field_and_changes_nothing(instance, customer, body, pointer, code):
    second = instance.login(customer.username, PASSWORD)
    answer = customer.post("/auth/password", {"current": PASSWORD, "new": NEW, **body})
    got = problem(answer, 400, "VALIDATION_FAILED")["errors"]
    assert [(e["pointer"], e["code"]) for e in got] == [(pointer, code)] and got[0]["detail"]
    assert data(refreshed(instance, second)) and instance.login(customer.username, PASSWORD)


def test_the_user_name_is_no_password(customer):
    problem(change(customer, new=customer.username.upper()), 400, "VALIDATION_FAILED")


def test_the_error_is_told_in_french_too(customer):
    got = problem(change(customer, "faux"), 400)["errors"][0]["detail"]
    french = problem(change(customer, "faux", headers={"Accept-Language": "fr"}), 400)["errors"][0]["detail"]
    assert got != french and "mot de passe" in french


def test_of_parallel_changes_one_wins(instance, customer):
    clients = [customer.another() for _ in range(4)]
    words = [f"battery staple number {i}" for i in range(4)]
    statuses = in_threads(4, lambda i: change(clients[i], new=words[i]).status_code)
    assert sorted(statuses) == [200, 400, 400, 400]
    assert instance.login(customer.username, words[statuses.index(200)])


def test_a_repeated_change_gets_its_first_answer(instance, customer):
    key = {"Idempotency-Key": uuid.uuid4().hex}
    done(change(customer, headers=key))
    again = change(customer, headers=key)
    done(again)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert instance.login(customer.username, NEW)
    # a key that met a refusal is free
    key = {"Idempotency-Key": uuid.uuid4().hex}
    problem(change(customer, PASSWORD, PASSWORD + "x", headers=key), 400)
    done(change(customer, NEW, PASSWORD, headers=key))


def test_wrong_current_passwords_delay_the_account(instance, customer):
    for _ in range(5):
        problem(change(customer, "wrong password"), 400)
    instance.rows("auth", "UPDATE login_failure SET until = until + INTERVAL 600 SECOND")
    problem(change(customer), 429, "TOO_MANY_ATTEMPTS")
    body = {"username": customer.username, "password": PASSWORD}
    problem(instance.client().post("/auth/login", body), 429, "TOO_MANY_ATTEMPTS")


# -- what is kept


def test_a_dump_of_the_database_has_no_token_and_no_password(instance, customer):
    """Nor have logs and stored answers."""
    key = {"Idempotency-Key": uuid.uuid4().hex}
    secret = "the secret of " + uuid.uuid4().hex
    pairs = [data(refreshed(instance, customer))]
    for _ in range(3):
        pairs.append(data(instance.client().post("/auth/refresh", {"refresh_token": pairs[-1]["refresh_token"]})))
    done(change(customer, new=secret, headers=key))
    problem(change(customer, "not " + secret, "nor " + secret, headers={"Idempotency-Key": uuid.uuid4().hex}), 400)
    customer.post("/auth/logout", {"refresh_token": pairs[-1]["refresh_token"]}, headers=key)
    dump = subprocess.run(
        ["mariadb-dump", f"--defaults-file={instance.var}/etc/client.cnf", "--skip-extended-insert", "halle_auth"],
        check=True, stdout=subprocess.PIPE, timeout=60,
    ).stdout
    kept = dump + b"".join(p.read_bytes() for p in (instance.var / "log").glob("*.log"))
    assert customer.username.encode() in dump and b"refresh_token" in dump
    tokens = [customer.refresh_token] + [p["refresh_token"] for p in pairs]
    for text in [*tokens, *(p["access_token"] for p in pairs), secret, PASSWORD]:
        assert text.encode() not in kept and text.encode().hex().encode() not in kept.lower()
