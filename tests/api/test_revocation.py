"""A token whose session was ended, or whose user's role changed, is refused by every service."""

import json
import signal
import uuid

import pytest

from harness import HEALTH, PASSWORD, SERVICES, data, eventually, kill, private_instance, problem
from tokens import ask_internal, claims_of, service, session_of

# where each service wants a customer's token
DOORS = {"auth": "/auth/validate", "users": "/users/profile", "carts": "/cart"}
ADMIN_DOOR = "/products/1/stock"


@pytest.fixture(scope="module")
def instance():
    with private_instance(HALLE_LIMITS="off") as made:
        yield made


def revoke(instance, session=None, user=None, role=None, created="UTC_TIMESTAMP(6)", ttl=3660):
    """The row that auth writes in the transaction of a change."""
    instance.rows(
        "auth",
        "INSERT INTO revocation (session_id, account_id, role, created_at, expires_at)"
        f" VALUES (%s, %s, %s, {created}, UTC_TIMESTAMP(6) + INTERVAL %s SECOND)",
        session, user, role, ttl,
    )


def set_role(instance, user, role):
    instance.rows("auth", "UPDATE account SET role = %s WHERE id = %s", role, user)
    revoke(instance, user=user, role=role)


def opens(client, path):
    return client.get(path).status_code == 200


def every_worker(instance, fn):
    """fn() many times in a row: each process of each service has its say."""
    return all(fn() for _ in range(8 * max(len(instance.workers(s)) for s in SERVICES)))


def is_refused(client, path):
    answer = client.get(path)
    if answer.status_code != 401:
        return False
    problem(answer, 401, "TOKEN_REVOKED")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    return True


def refused_everywhere(instance, client, doors=None):
    for path in doors or DOORS.values():
        eventually(lambda: every_worker(instance, lambda: is_refused(client, path)))


def again(instance, client):
    return instance.login(client.username, PASSWORD)


def test_an_ended_session_is_refused_by_every_service(instance, customer, other):
    before = {s: instance.metric("halle_tokens_revoked_total", s) for s in DOORS}
    same_user = again(instance, customer)
    revoke(instance, session=session_of(customer))
    refused_everywhere(instance, customer)
    for path in DOORS.values():
        assert opens(other, path) and opens(same_user, path)
    for service, count in before.items():
        assert instance.metric("halle_tokens_revoked_total", service) > count


def test_an_admins_ended_session_is_refused_by_products(instance):
    admin = instance.admin()
    assert opens(admin, ADMIN_DOOR)
    revoke(instance, session=session_of(admin))
    refused_everywhere(instance, admin, [ADMIN_DOOR, *DOORS.values()])
    assert opens(instance.admin(), ADMIN_DOOR)


def log_out(instance, user):
    data(user.another().post("/auth/logout", {}))
    return [user]


def end_one_session(instance, user):
    data(again(instance, user).delete(f"/auth/sessions/{claims_of(user.token)['sid']}"))
    return [user]


def change_password(instance, user):
    """Every other session ends."""
    data(again(instance, user).post("/auth/password", {"current": PASSWORD, "new": "another " + PASSWORD}))
    return [user]


def give_a_role(instance, user):
    data(instance.admin().put(f"/users/{user.user_id}/role", {"role": "admin"}))
    return [user, user.another()]


def delete_a_user(instance, user):
    second = again(instance, user)
    data(instance.admin().delete(f"/users/{user.user_id}"))
    return [user, second]


@pytest.mark.parametrize("way", [log_out, end_one_session, change_password, give_a_role, delete_a_user],
                         ids=lambda f: f.__name__)
def test_whatever_ends_a_session_is_known_everywhere(instance, customer, other, way):
    for ended in way(instance, customer):
        refused_everywhere(instance, ended)
    assert all(opens(other, path) for path in DOORS.values())


def test_verify_refuses_it_too(instance, anyone, customer):
    assert data(anyone.post("/auth/verify", {"token": customer.token}))["status"] == "valid"
    revoke(instance, session=session_of(customer))
    refused_everywhere(instance, customer, ["/auth/validate"])
    ask = lambda: anyone.post("/auth/verify", {"token": customer.token})
    problem(eventually(lambda: (a := ask()).status_code != 200 and [a])[0], 401, "TOKEN_REVOKED")


def test_a_public_route_does_not_ask(instance, customer):
    revoke(instance, session=session_of(customer))
    refused_everywhere(instance, customer)
    assert opens(customer, "/products") and opens(customer, "/products/1")


def test_a_user_without_a_role_is_refused_with_all_his_sessions(instance, customer, other):
    second = again(instance, customer)
    revoke(instance, user=customer.user_id, role="none")
    refused_everywhere(instance, customer)
    refused_everywhere(instance, second)
    assert opens(other, "/cart")


def test_a_token_made_after_the_change_works_at_once(instance, customer):
    set_role(instance, customer.user_id, "admin")
    refused_everywhere(instance, customer)
    promoted = again(instance, customer)
    for path in [*DOORS.values(), ADMIN_DOOR]:
        assert every_worker(instance, lambda: opens(promoted, path))


def test_a_role_that_changes_back_and_forth(instance, customer):
    """The newest row counts; a new token is good at once, whatever a worker's list still lacks."""
    tokens = {"customer": [customer], "admin": []}
    for role in ("admin", "customer") * 3:
        set_role(instance, customer.user_id, role)
        fresh = again(instance, customer)
        for path in DOORS.values():
            assert every_worker(instance, lambda: opens(fresh, path)), role
        other_role = "customer" if role == "admin" else "admin"
        for old in tokens[other_role][-1:]:
            refused_everywhere(instance, old)
        tokens[role].append(fresh)
    # a token of before all changes has the right role again
    eventually(lambda: every_worker(instance, lambda: opens(customer, "/cart")))


def test_a_user_that_is_enabled_again_comes_in_at_once(instance, customer):
    revoke(instance, user=customer.user_id, role="none")
    refused_everywhere(instance, customer)
    revoke(instance, user=customer.user_id, role="customer")
    fresh = again(instance, customer)
    for path in DOORS.values():
        assert every_worker(instance, lambda: opens(fresh, path))


def test_a_row_that_commits_late_is_seen(instance, customer):
    """Its id and its time are those of the statement, not of the commit."""
    with instance.database("auth") as connection:
        connection.begin()
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO revocation (session_id, created_at, expires_at) VALUES"
                " (%s, UTC_TIMESTAMP(6) - INTERVAL 5 SECOND, UTC_TIMESTAMP(6) + INTERVAL 1 HOUR)",
                [session_of(customer)],
            )
            later = again(instance, customer)
            revoke(instance, session=session_of(later))
            refused_everywhere(instance, later)
            assert opens(customer, "/cart")
        connection.commit()
    refused_everywhere(instance, customer)


def test_an_expired_row_says_nothing(instance, customer, other):
    revoke(instance, session=session_of(customer), ttl=-1)
    revoke(instance, session=session_of(other))
    refused_everywhere(instance, other)
    assert opens(customer, "/cart")


def test_a_list_of_several_pages_is_read_whole(instance, customer):
    """By workers that know the rest, and by those that start."""
    rows = [(uuid.uuid4().bytes,) for _ in range(2500)]
    with instance.database("auth") as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO revocation (session_id, created_at, expires_at)"
            " VALUES (%s, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) + INTERVAL 1 HOUR)", rows,
        )
    revoke(instance, session=session_of(customer))
    refused_everywhere(instance, customer)
    kill_workers(instance)
    refused_at_once(instance, customer)


# -- processes that die


def kill_workers(instance, services=SERVICES):
    for service in services:
        old = instance.workers(service)
        for pid in old:
            kill(pid, signal.SIGKILL)
        eventually(lambda: set(instance.workers(service)).isdisjoint(old) and instance.workers(service))
        if service == "auth":  # without it the others start soon, and know the list later
            eventually(lambda: opens(instance.client(), HEALTH["auth"]))


def refused_at_once(instance, client):
    """Not even the first answers of new processes let the token in; 5xx while there are none."""
    for path in DOORS.values():
        for _ in range(40):
            answer = client.get(path)
            assert answer.status_code in (401, 502, 503), f"{path}: {answer.status_code}"
        eventually(lambda: is_refused(client, path))


def test_killed_workers_know_the_list_before_they_answer(instance, customer):
    revoke(instance, session=session_of(customer))
    refused_everywhere(instance, customer)
    for _ in range(3):
        kill_workers(instance)
        refused_at_once(instance, customer)
    eventually(lambda: opens(instance.client(), "/readyz"))


def test_without_auth_the_last_list_stands_and_new_workers_start(instance, customer, other):
    revoke(instance, session=session_of(customer))
    refused_everywhere(instance, customer)
    errors = instance.metric("halle_revocation_errors_total", "users")
    log = instance.var / "log/users.log"
    said = log.read_bytes().count(b"revocations.unavailable")
    processes = instance.workers("auth")
    instance.stop("auth", signal.SIGKILL)
    for pid in processes:
        kill(pid)
    try:
        doors = [DOORS["users"], DOORS["carts"]]
        for _ in range(20):
            for path in doors:
                assert is_refused(customer, path) and opens(other, path)
        eventually(lambda: log.read_bytes().count(b"revocations.unavailable") > said)
        # a worker that never had a list serves all the same, and says so once
        kill_workers(instance, ["users"])
        eventually(lambda: opens(other, DOORS["users"]))
    finally:
        instance.dev("up")
    refused_everywhere(instance, customer)
    assert instance.metric("halle_revocation_errors_total", "users") > errors
    lines = [json.loads(line) for line in log.read_bytes().splitlines() if b"revocations." in line]
    for pid in {line["pid"] for line in lines}:
        events = [line["event"] for line in lines if line["pid"] == pid]
        assert all(a != b for a, b in zip(events, events[1:])), "only a change is told"


# -- auth's internal route and its table


def internal(instance, query=""):
    return ask_internal(instance, "GET", f"/internal/auth/revocations{query}", service(instance, "auth"))


def test_the_route_gives_pages_by_id(instance):
    with instance.database("auth") as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO revocation (session_id, created_at, expires_at)"
            " VALUES (%s, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) + INTERVAL 1 HOUR)",
            [(uuid.uuid4().bytes,) for _ in range(1500)],
        )
    live = [r["id"] for r in instance.rows(
        "auth", "SELECT id FROM revocation WHERE expires_at > UTC_TIMESTAMP(6) ORDER BY id")]
    assert [r["id"] for r in all_rows(instance)] == live


def all_rows(instance, query=""):
    found = []
    while True:
        status, body = internal(instance, query)
        assert status == 200 and body["count"] == len(body["data"]) <= 1000
        found += body["data"]
        if "next" not in body:
            return found
        assert body["count"] == 1000 and body["next"] == found[-1]["id"]
        query = f"?after={body['next']}"


def test_the_route_gives_what_is_new(instance, customer):
    revoke(instance, session=session_of(customer), created="UTC_TIMESTAMP(6) - INTERVAL 1000 SECOND")
    revoke(instance, user=customer.user_id, role="admin")
    sid = claims_of(customer.token)["sid"]
    mine = [r for r in all_rows(instance, "?seconds=900") if customer.user_id == r.get("user_id")]
    assert [set(r) for r in mine] == [{"id", "user_id", "role", "expires_at"}] and mine[0]["role"] == "admin"
    assert sid not in [r.get("session_id") for r in internal(instance, "?seconds=900")[1]["data"]]
    for query in ("?seconds=3000", ""):
        mine = [r for r in all_rows(instance, query) if sid == r.get("session_id")]
        assert [set(r) for r in mine] == [{"id", "session_id", "expires_at"}]


@pytest.mark.parametrize("query", ["?seconds=0", "?seconds=-1", "?seconds=x", "?seconds=3661", "?after=0", "?x=1",
                                   "?seconds=1&seconds=2"])
def test_a_query_that_is_none_is_refused(instance, query):
    status, body = internal(instance, query)
    assert status == 400 and body["error"]["code"] == "VALIDATION_FAILED"
    assert internal(instance, "?seconds=3660")[0] == 200


def test_expired_rows_are_deleted(instance):
    revoke(instance, session=uuid.uuid4().bytes, ttl=-1)
    kill_workers(instance, ["auth"])  # the job runs at the start, and every minute
    eventually(lambda: not instance.rows("auth", "SELECT id FROM revocation WHERE expires_at <= UTC_TIMESTAMP(6)"))
    for service in SERVICES:
        eventually(lambda: opens(instance.client(), HEALTH[service]))
