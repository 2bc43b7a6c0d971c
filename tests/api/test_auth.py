"""Accounts: registering, logging in, asking whose a token is."""

import hashlib
import threading
import uuid

import pytest

from harness import PASSWORD, data, eventually, in_threads, problem


def fresh():
    name = "r" + uuid.uuid4().hex[:16]
    return {"username": name, "email": f"{name}@example.com", "password": PASSWORD}


def test_registering_gives_an_account_a_profile_and_an_empty_cart(instance, anyone):
    body = fresh()
    made = data(anyone.post("/auth/register", body), 201)
    assert set(made) == {"user_id", "username"} and made["username"] == body["username"]
    customer = instance.login(body["username"], PASSWORD)
    assert customer.user_id == made["user_id"]
    profile = eventually(lambda: data(customer.get("/users/profile")))
    assert profile["id"] == made["user_id"] and profile["email"] == body["email"]
    assert profile["role"] == "customer"
    cart = eventually(customer.cart)
    assert cart["user_id"] == made["user_id"] and cart["items"] == [] and cart["total"] == 0


def test_a_name_or_an_address_is_taken_once(anyone):
    body = fresh()
    data(anyone.post("/auth/register", body), 201)
    again = dict(fresh(), username=body["username"])
    problem(anyone.post("/auth/register", again), 409, "USERNAME_TAKEN")
    problem(anyone.post("/auth/register", dict(again, username=body["username"].upper())), 409)
    problem(anyone.post("/auth/register", dict(fresh(), email=body["email"])), 409, "EMAIL_TAKEN")


def test_of_parallel_registrations_of_one_name_one_wins(anyone):
    body = fresh()
    answers = in_threads(6, lambda i: anyone.another().post("/auth/register", body).status_code)
    assert sorted(answers) == [201] + [409] * 5


@pytest.mark.parametrize(
    "change, pointer",
    [
        ({"username": "ab"}, "#/username"),
        ({"username": "a" * 65}, "#/username"),
        ({"username": "has space"}, "#/username"),
        ({"username": "a@b"}, "#/username"),
        ({"username": None}, "#/username"),
        ({"email": "nowhere"}, "#/email"),
        ({"email": "a@b"}, "#/email"),
        ({"email": "é@example.com"}, "#/email"),
        ({"password": "short"}, "#/password"),
        ({"password": "x" * 129}, "#/password"),
        ({"password": "password123"}, "#/password"),
        ({"password": 12345678}, "#/password"),
        ({"role": "admin"}, "#/role"),
    ],
)
def test_a_registration_with_a_bad_field_names_it(anyone, change, pointer):
    got = problem(anyone.post("/auth/register", {**fresh(), **change}), 400, "VALIDATION_FAILED")
    assert [e["pointer"] for e in got["errors"]] == [pointer]


def test_logging_in_gives_a_pair_of_tokens(customer, anyone):
    body = {"username": customer.username, "password": PASSWORD}
    answer = anyone.post("/auth/login", body)
    got = data(answer)
    assert got["token_type"] == "Bearer" and got["expires_in"] == 3600
    assert got["access_token"].count(".") == 2 and len(got["refresh_token"]) >= 43
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_mail_address_logs_in_too(customer, anyone):
    body = {"username": f"{customer.username}@example.com", "password": PASSWORD}
    assert data(anyone.post("/auth/login", body))["access_token"]


def test_a_wrong_password_and_an_unknown_user_answer_the_same(customer, anyone):
    wrong = {"username": customer.username, "password": "wrong password"}
    unknown = {"username": "nobody-" + uuid.uuid4().hex, "password": "wrong password"}
    first = problem(anyone.post("/auth/login", wrong), 401, "INVALID_CREDENTIALS")
    second = problem(anyone.post("/auth/login", unknown), 401, "INVALID_CREDENTIALS")
    assert first["error"] == second["error"] and first["detail"] == second["detail"]


@pytest.mark.parametrize("body", [{}, {"username": "a"}, {"password": "b"}, {"username": "", "password": ""}])
def test_missing_credentials_answer_400(anyone, body):
    problem(anyone.post("/auth/login", body), 400, "MISSING_CREDENTIALS")


def test_verify_and_validate_tell_whose_a_token_is(customer, anyone):
    for answer in (anyone.post("/auth/verify", {"token": customer.token}), customer.get("/auth/validate")):
        got = data(answer)
        assert got["status"] == "valid" and got["user_id"] == customer.user_id
        assert got["username"] == customer.username and got["role"] == "customer"
        assert got["expires_at"] > 1_700_000_000


def test_the_profile_of_the_account(customer):
    assert data(customer.get("/auth/profile")) == {
        "user_id": customer.user_id,
        "username": customer.username,
        "email": f"{customer.username}@example.com",
        "role": "customer",
    }


def test_the_bare_token_without_bearer_is_accepted(customer, anyone):
    answer = anyone.get("/auth/validate", headers={"Authorization": customer.token})
    assert data(answer)["user_id"] == customer.user_id


def test_a_token_in_the_query_string_is_not(customer, anyone):
    problem(anyone.get(f"/auth/profile?token={customer.token}"), 401, "UNAUTHENTICATED")


def test_no_password_and_no_token_is_stored_in_clear(instance, customer, anyone):
    got = data(anyone.post("/auth/login", {"username": customer.username, "password": PASSWORD}))
    row = instance.rows("auth", "SELECT * FROM account WHERE id = %s", customer.user_id)[0]
    assert row["password"].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    kept = repr(instance.rows("auth", "SELECT * FROM refresh_token"))
    assert got["refresh_token"] not in kept


def werkzeug_pbkdf2(password):
    got = hashlib.pbkdf2_hmac("sha256", password.encode(), b"NaClNaClNaClNaCl", 1000)
    return f"pbkdf2:sha256:1000$NaClNaClNaClNaCl${got.hex()}"


def werkzeug_scrypt(password):
    got = hashlib.scrypt(
        password.encode(), salt=b"NaClNaClNaClNaCl", n=32768, r=8, p=1, maxmem=1 << 27
    )
    return f"scrypt:32768:8:1$NaClNaClNaClNaCl${got.hex()}"


@pytest.mark.parametrize("made_by", [werkzeug_pbkdf2, werkzeug_scrypt])
def test_an_imported_password_logs_in_and_is_then_hashed_anew(instance, customer, made_by):
    password = "Étendoir de Noah"
    with instance.database("auth") as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE account SET password = %s WHERE id = %s", (made_by(password), customer.user_id))
    wrong = {"username": customer.username, "password": password + "x"}
    problem(instance.client().post("/auth/login", wrong), 401, "INVALID_CREDENTIALS")
    instance.login(customer.username, password)
    row = instance.rows("auth", "SELECT password FROM account WHERE id = %s", customer.user_id)[0]
    assert row["password"].startswith("$argon2id$")
    instance.login(customer.username, password)


def login_during(instance, user, change, *values):
    """The answer to a login whose account changes after it was read: what the login writes waits for the change."""
    with instance.database("auth") as connection, connection.cursor() as cursor:
        cursor.execute("START TRANSACTION")
        cursor.execute(f"{change} WHERE id = %s", (*values, user.user_id))
        waiting = threading.Timer(1.3, connection.commit)  # longer than a lock is waited for: it is repeated
        waiting.start()
        answer = instance.client().post("/auth/login", {"username": user.username, "password": PASSWORD})
        waiting.join()
    return answer


def outdate(instance, user):
    with instance.database("auth") as connection, connection.cursor() as cursor:
        cursor.execute(
            "UPDATE account SET password = %s WHERE id = %s", (werkzeug_pbkdf2(PASSWORD), user.user_id))


@pytest.mark.parametrize("imported", [False, True])
@pytest.mark.parametrize(("change", "left"), [  # left: the session of the fixture
    ("UPDATE account SET password = 'another'", 1),
    ("UPDATE account SET status = 'disabled'", 1),
    ("DELETE FROM account", 0),
])
def test_what_changes_while_a_password_is_hashed_ends_that_login(instance, customer, change, left, imported):
    if imported:
        outdate(instance, customer)
    problem(login_during(instance, customer, change), 401, "INVALID_CREDENTIALS")
    sessions = instance.rows("auth", "SELECT COUNT(*) AS n FROM session WHERE account_id = %s", customer.user_id)
    assert sessions[0]["n"] == left


def test_two_logins_at_once_may_both_hash_an_imported_password_anew(instance, customer):
    stored = instance.rows("auth", "SELECT password FROM account WHERE id = %s", customer.user_id)[0]["password"]
    outdate(instance, customer)
    assert data(login_during(instance, customer, "UPDATE account SET password = %s", stored))["access_token"]


def test_a_disabled_account_neither_logs_in_nor_shows_itself(instance, customer, anyone):
    with instance.database("auth") as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE account SET status = 'disabled' WHERE id = %s", customer.user_id)
    body = {"username": customer.username, "password": PASSWORD}
    problem(anyone.post("/auth/login", body), 401, "INVALID_CREDENTIALS")
    problem(customer.get("/auth/profile"), 404, "USER_NOT_FOUND")
