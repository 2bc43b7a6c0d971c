"""What an admin does with users: create, give roles, delete. Listing: test_admin_list.py."""

import threading
import time
import uuid

import pytest

import tokens
from harness import PASSWORD, PATIENT, data, eventually, in_threads, private_instance, problem
from shoppers import stores_agree



@pytest.fixture(scope="module")
def instance():
    with private_instance(HALLE_LIMITS="off", **PATIENT) as made:
        yield made


@pytest.fixture(scope="module")
def admin(instance):
    return instance.admin()


def person(**other):
    name = "a" + uuid.uuid4().hex[:16]
    return {"username": name, "email": f"{name}@example.com", "password": PASSWORD, **other}


def key():
    return {"Idempotency-Key": uuid.uuid4().hex}


def account(instance, user_id):
    rows = instance.rows("auth", "SELECT * FROM account WHERE id = %s", user_id)
    return rows[0] if rows else None


def cart_row(instance, user_id):
    rows = instance.rows("carts", "SELECT * FROM cart WHERE user_id = %s", user_id)
    return rows[0] if rows else None


def revocations(instance, user_id):
    rows = instance.rows("auth", "SELECT role FROM revocation WHERE account_id = %s ORDER BY id", user_id)
    return [row["role"] for row in rows]


# -- POST /users


def test_a_created_user_can_log_in_and_shop(instance, admin, product):
    body = person()
    answer = admin.post("/users", body)
    made = data(answer, 201)
    assert answer.headers["Location"] == f"/users/{made['id']}"
    assert made["username"] == body["username"] and made["role"] == "customer"
    assert set(made) == {"id", "username", "email", "first_name", "last_name", "phone", "address",
                         "role", "date_creation", "date_update"}
    assert eventually(lambda: data(admin.get(answer.headers["Location"]))) == made
    user = instance.login(body["username"], PASSWORD)
    data(user.add(product["id"]), 201)
    stores_agree(instance)


def test_a_created_password_is_kept_as_a_hash_and_nowhere_else(instance, admin):
    body = person(password="Pw-" + uuid.uuid4().hex)
    data(admin.post("/users", body, headers=key()), 201)
    for service in ("auth", "users", "carts"):
        for row in instance.rows(service, "SHOW TABLES"):
            table = next(iter(row.values()))
            for stored in instance.rows(service, f"SELECT * FROM `{table}`"):
                assert body["password"] not in repr(stored), table
    for log in (instance.var / "log").glob("*"):
        assert body["password"].encode() not in log.read_bytes(), log


BAD = [
    ({"username": "ab"}, "#/username", "min_length"),
    ({"username": "a b c"}, "#/username", "format"),
    ({"email": "nobody"}, "#/email", "format"),
    ({"password": "short"}, "#/password", "min_length"),
    ({"password": "password"}, "#/password", "common"),
    ({"role": "admin"}, "#/role", "unknown"),
    ({"id": 7}, "#/id", "unknown"),
]


@pytest.mark.parametrize("change,pointer,code", BAD)
def test_what_registration_refuses_is_refused_with_its_pointer(instance, admin, change, pointer, code):
    before = instance.checksum("auth", "users", "carts")
    got = problem(admin.post("/users", person(**change)), 400, "VALIDATION_FAILED")
    assert [(e["pointer"], e["code"]) for e in got["errors"]] == [(pointer, code)]
    assert got["instance"] == "/users"
    assert instance.checksum("auth", "users", "carts") == before


def test_every_fault_is_told_at_once_and_in_the_callers_language(admin):
    got = problem(admin.post("/users", {"username": "x", "foo": 1}, headers={"Accept-Language": "fr"}), 400)
    assert {e["pointer"] for e in got["errors"]} == {"#/username", "#/email", "#/password", "#/foo"}
    assert {e["detail"] for e in got["errors"]} >= {"Ce champ est obligatoire."}
    assert got["detail"].startswith("Certains champs")


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"username":1}', b"\xff",
                                  b'{"username":null,"email":null,"password":null}',
                                  b'{"username":"a","username":"b"}'])
def test_a_body_that_is_none_is_refused(instance, admin, text):
    before = instance.checksum("auth", "users")
    answer = admin.request("POST", "/users", data=text, headers={"Content-Type": "application/json"})
    assert problem(answer, 400)["error"]["code"] in ("MALFORMED_JSON", "VALIDATION_FAILED")
    assert instance.checksum("auth", "users") == before


def test_a_name_or_address_that_is_taken_is_told(admin):
    body = person()
    data(admin.post("/users", body), 201)
    problem(admin.post("/users", person(username=body["username"].upper())), 409, "USERNAME_TAKEN")
    problem(admin.post("/users", person(email=body["email"])), 409, "EMAIL_TAKEN")


def test_the_same_key_makes_one_account(instance, admin):
    body, same = person(), key()
    first = admin.post("/users", body, headers=same)
    again = admin.post("/users", body, headers=same)
    assert first.status_code == again.status_code == 201 and first.content == again.content
    assert again.headers["Idempotent-Replayed"] == "true" and "Idempotent-Replayed" not in first.headers
    assert again.headers["Location"] == first.headers["Location"]
    problem(admin.post("/users", person(), headers=same), 422, "IDEMPOTENCY_KEY_REUSED")


def test_the_same_key_at_once_makes_one_account(instance, admin):
    body, same = person(), key()
    answers = in_threads(4, lambda i: admin.another().post("/users", body, headers=same))
    assert {a.status_code for a in answers} <= {201, 409}
    assert {a.json()["error"]["code"] for a in answers if a.status_code == 409} <= {"IDEMPOTENCY_KEY_BUSY"}
    assert len({data(a, 201)["id"] for a in answers if a.status_code == 201}) == 1


def test_a_key_of_another_request_makes_no_account(instance, admin, customer):
    same, body = key(), person()
    data(admin.patch(f"/users/{customer.user_id}", {"phone": "1"}, headers=same))
    problem(admin.post("/users", body, headers=same), 422, "IDEMPOTENCY_KEY_REUSED")
    assert not instance.rows("auth", "SELECT id FROM account WHERE username = %s", body["username"])


def test_a_crash_between_the_services_makes_one_account(instance, admin):
    """auth made it, users died before it answered: the repetition finds it."""
    body, same = person(), key()
    made = data(admin.post("/users", body, headers=same), 201)
    with instance.database("users") as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM idem")
    assert data(admin.post("/users", body, headers=same), 201) == made


def test_a_profile_that_is_not_there_yet_is_answered_from_what_is_known(instance, admin):
    body, same = person(), key()
    made = data(admin.post("/users", body, headers=same), 201)
    with instance.database("users") as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM idem")
        cursor.execute("DELETE FROM profile WHERE id = %s", [made["id"]])
    got = data(admin.post("/users", body, headers=same), 201)
    times = ("date_creation", "date_update")
    assert {k: v for k, v in got.items() if k not in times} == {k: v for k, v in made.items() if k not in times}
    assert account(instance, made["id"])
    tokens.tell(instance, "users", "auth", "user.deleted", {"user_id": made["id"]})


def test_only_admins_create(anyone, customer):
    problem(anyone.post("/users", person()), 401, "UNAUTHENTICATED")
    problem(customer.post("/users", person()), 403, "FORBIDDEN")
    problem(customer.post("/api/users", person()), 405, "METHOD_NOT_ALLOWED")


# -- PUT /users/{id}/role


def role(admin, user_id, name, **kw):
    return admin.put(f"/users/{user_id}/role", {"role": name}, **kw)


def test_a_role_changes_in_both_services_and_old_tokens_are_listed(instance, admin, customer):
    before = data(admin.get(f"/users/{customer.user_id}"))
    answer = role(admin, customer.user_id, "admin")
    assert data(answer)["role"] == "admin" and answer.headers["ETag"] == '"2"'
    assert {k: v for k, v in data(answer).items() if k not in ("role", "date_update")} == {
        k: v for k, v in before.items() if k not in ("role", "date_update")}
    eventually(lambda: revocations(instance, customer.user_id) == ["admin"])
    assert account(instance, customer.user_id)["role"] == "admin"
    promoted = instance.login(customer.username, PASSWORD)
    data(promoted.get("/users"))
    data(role(admin, customer.user_id, "customer"))
    eventually(lambda: revocations(instance, customer.user_id) == ["admin", "customer"])
    assert account(instance, customer.user_id)["role"] == "customer"


def test_the_role_that_is_there_changes_nothing(instance, admin, customer):
    answer = role(admin, customer.user_id, "customer")
    assert data(answer)["role"] == "customer" and answer.headers["ETag"] == '"1"'
    assert revocations(instance, customer.user_id) == []


@pytest.mark.parametrize("body", [{}, {"role": "root"}, {"role": None}, {"role": 1}, {"role": "admin", "id": 1}])
def test_a_role_that_is_none_is_refused(admin, customer, body):
    problem(admin.put(f"/users/{customer.user_id}/role", body), 400, "VALIDATION_FAILED")
    assert data(admin.get(f"/users/{customer.user_id}"))["role"] == "customer"


def test_a_role_of_nobody(admin, customer):
    problem(role(admin, 10**12, "admin"), 404, "USER_NOT_FOUND")
    problem(role(admin, "0", "admin"), 400, "INVALID_ID")
    problem(role(customer, customer.user_id, "admin"), 403, "FORBIDDEN")


def test_a_role_for_a_version_that_passed_is_refused(admin, customer):
    data(customer.patch("/users/profile", {"phone": "1"}))
    got = problem(role(admin, customer.user_id, "admin", headers={"If-Match": '"1"'}), 412, "PRECONDITION_FAILED")
    assert got["current"]["role"] == "customer"
    data(role(admin, customer.user_id, "admin", headers={"If-Match": '"2"'}))
    data(role(admin, customer.user_id, "customer"))


def test_the_same_key_changes_a_role_once(instance, admin, customer):
    same = key()
    first, again = (role(admin, customer.user_id, "admin", headers=same) for _ in range(2))
    assert first.content == again.content and again.headers["Idempotent-Replayed"] == "true"
    eventually(lambda: revocations(instance, customer.user_id) == ["admin"])
    data(role(admin, customer.user_id, "customer"))


def test_a_late_event_does_not_win(instance, customer):
    def tell(name, version):
        return tokens.tell(instance, "users", "auth", "user.role",
                          {"user_id": customer.user_id, "role": name, "version": version})

    assert tell("admin", 9) == 204 and tell("customer", 8) == 204 and tell("customer", 9) == 204
    assert account(instance, customer.user_id)["role"] == "admin"
    assert revocations(instance, customer.user_id) == ["admin"]
    assert tell("customer", 10) == 204
    assert account(instance, customer.user_id)["role"] == "customer"


def test_the_same_event_acts_once(instance, customer):
    event = str(uuid.uuid4())
    for name, version in (("admin", 5), ("customer", 6)):
        assert tokens.tell(instance, "users", "auth", "user.role", event_id=event, data={
            "user_id": customer.user_id, "role": name, "version": version}) == 204
    assert account(instance, customer.user_id)["role"] == "admin"
    assert tokens.tell(instance, "users", "auth", "user.role",
                      {"user_id": customer.user_id, "role": "customer", "version": 7}) == 204


def test_events_are_taken_from_their_sender_only(instance, customer):
    news = {"user_id": customer.user_id, "role": "admin", "version": 5}
    assert tokens.tell(instance, "carts", "auth", "user.role", news) == 403
    assert tokens.tell(instance, "carts", "auth", "user.deleted", news) == 403
    assert tokens.tell(instance, "auth", "carts", "user.deleted", news) == 400
    assert tokens.tell(instance, "users", "carts", "user.created", news) == 400
    assert tokens.tell(instance, "products", "carts", "user.deleted", news) == 403
    assert tokens.tell(instance, "users", "auth", "user.role", {**news, "role": "root"}) == 400
    assert tokens.tell(instance, "users", "auth", "user.forged", news) == 400
    assert tokens.call(instance, "carts", "auth", "/internal/auth/accounts", person())[0] == 403
    assert account(instance, customer.user_id)["role"] == "customer"
    assert not cart_row(instance, customer.user_id)["deleted"]


# -- the last admin


def test_the_last_admin_stays(instance, admin):
    for answer in (role(admin, admin.user_id, "customer"), admin.delete(f"/users/{admin.user_id}"),
                   admin.delete("/users/profile")):
        problem(answer, 409, "LAST_ADMIN")
    assert account(instance, admin.user_id)["role"] == "admin"
    data(role(admin, admin.user_id, "admin"))


def both_wait(instance):
    time.sleep(0.2)  # the server shows this table as it was, when it is read more often than every 0.1 s
    waiting = instance.rows("users", "SELECT * FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'")
    return len(waiting) >= 2


def at_once(instance, users, attack):
    """Both requests, held up by locked profiles until each waits for one."""
    answers = []
    with instance.database("users") as connection, connection.cursor() as cursor:
        connection.begin()
        cursor.execute("SELECT id FROM profile WHERE id IN (%s, %s) FOR UPDATE", users)
        both = threading.Thread(target=lambda: answers.extend(in_threads(2, attack)), daemon=True)
        both.start()
        try:
            eventually(lambda: both_wait(instance))
        finally:
            connection.rollback()
        both.join(60)
    return answers


@pytest.mark.parametrize("how", ["demote", "delete", "both"])
def test_two_admins_who_demote_each_other_do_not_both_succeed(instance, admin, how):
    other = instance.new_admin(admin)
    pair = ((admin, other), (other, admin))

    def attack(i):
        me, him = pair[i]
        if how == "delete" or (how == "both" and i):
            return me.another().delete(f"/users/{him.user_id}")
        return role(me.another(), him.user_id, "customer")

    answers = at_once(instance, (admin.user_id, other.user_id), attack)
    assert sorted(a.status_code for a in answers) == [200, 409], [a.text for a in answers]
    problem(max(answers, key=lambda a: a.status_code), 409, "LAST_ADMIN")
    left = instance.rows("users", "SELECT id FROM profile WHERE role = 'admin'")
    assert len(left) == 1
    if left[0]["id"] == other.user_id:
        reinstate(instance, admin, other)


def reinstate(instance, admin, other):
    """The module's admin lost: the winner makes him admin again, or a new account in his place."""
    if not instance.rows("users", "SELECT id FROM profile WHERE id = %s", admin.user_id):
        body = person()
        admin.user_id = data(other.post("/users", body), 201)["id"]
        admin.username = body["username"]
    eventually(lambda: data(role(other, admin.user_id, "admin")))
    eventually(lambda: account(instance, admin.user_id)["role"] == "admin")
    with_password = PASSWORD if admin.username != "admin" else "admin"
    admin.token = instance.login(admin.username, with_password).token
    data(role(admin, other.user_id, "customer"))


def test_of_many_admins_who_demote_each_other_one_stays(instance, admin):
    crowd = [instance.new_admin(admin) for _ in range(4)]
    targets = crowd[1:] + crowd[:1]
    answers = in_threads(4, lambda i: role(crowd[i].another(), targets[i].user_id, "customer"))
    assert {a.status_code for a in answers} <= {200, 401}
    for user in crowd:
        data(role(admin, user.user_id, "customer"))


# -- DELETE


def gone(instance, user):
    eventually(lambda: not account(instance, user.user_id))
    eventually(lambda: cart_row(instance, user.user_id)["deleted"])
    assert not instance.rows("users", "SELECT id FROM profile WHERE id = %s", user.user_id)
    assert not instance.rows("auth", "SELECT id FROM session WHERE account_id = %s", user.user_id)
    assert revocations(instance, user.user_id)[-1:] == ["none"]
    assert cart_row(instance, user.user_id)["doc"] == '"gone"'
    problem(instance.client().post("/auth/login", {"username": user.username, "password": PASSWORD}),
            401, "INVALID_CREDENTIALS")
    stores_agree(instance)


@pytest.mark.parametrize("who", ["own", "self", "admin"])
def test_a_deleted_user_is_gone_everywhere(instance, admin, product, who):
    user = instance.new_user()
    data(user.add(product["id"], 3), 201)
    path = "/users/profile" if who == "own" else f"/users/{user.user_id}"
    answer = (admin if who == "admin" else user).delete(path, headers={"Accept-Language": "fr"})
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"success": True, "message": "L'utilisateur a été supprimé."}
    gone(instance, user)
    problem(admin.delete(f"/users/{user.user_id}"), 404, "USER_NOT_FOUND")
    problem(admin.get(f"/users/{user.user_id}"), 404, "USER_NOT_FOUND")


def test_a_foreign_user_cannot_be_deleted(instance, customer, other, anyone):
    problem(customer.delete(f"/users/{other.user_id}"), 404, "USER_NOT_FOUND")
    problem(anyone.delete(f"/users/{other.user_id}"), 401, "UNAUTHENTICATED")
    problem(anyone.delete("/users/profile"), 401, "UNAUTHENTICATED")
    assert account(instance, other.user_id)


def test_a_deletion_for_a_version_that_passed_is_refused(instance, customer):
    data(customer.patch("/users/profile", {"phone": "1"}))
    problem(customer.delete("/users/profile", headers={"If-Match": '"1"'}), 412, "PRECONDITION_FAILED")
    assert customer.delete("/users/profile", headers={"If-Match": '"2"'}).status_code == 200


def test_the_name_is_free_again_and_the_id_is_not_reused(instance, admin):
    body = person()
    first = data(admin.post("/users", body), 201)
    assert admin.delete(f"/users/{first['id']}").status_code == 200
    eventually(lambda: not account(instance, first["id"]))
    second = data(admin.post("/users", body), 201)
    assert second["id"] > first["id"]
    assert instance.login(body["username"], PASSWORD).user_id == second["id"]


def test_news_of_a_deleted_user_does_not_bring_him_back(instance, admin):
    """user.created that comes once more, or for the first time, after user.deleted."""
    body = person()
    event = {}
    made = data(admin.post("/users", body), 201)
    eventually(lambda: cart_row(instance, made["id"]) and data(admin.get(f"/users/{made['id']}")))
    ids = instance.rows("users", "SELECT LOWER(HEX(event_id)) AS id FROM inbox ORDER BY event_id DESC LIMIT 1")
    event["users"] = str(uuid.UUID(ids[0]["id"]))
    assert admin.delete(f"/users/{made['id']}").status_code == 200
    eventually(lambda: cart_row(instance, made["id"])["deleted"])
    news = {"user_id": made["id"], "username": body["username"], "email": body["email"], "role": "customer"}
    assert tokens.tell(instance, "auth", "users", "user.created", news, event["users"]) == 204
    assert tokens.tell(instance, "auth", "carts", "user.created", news) == 204
    assert tokens.tell(instance, "users", "carts", "user.deleted", {"user_id": made["id"]}) == 204
    assert not instance.rows("users", "SELECT id FROM profile WHERE id = %s", made["id"])
    row = cart_row(instance, made["id"])
    assert row["deleted"] and row["version"] == 2
    never = made["id"] + 10**9
    assert tokens.tell(instance, "users", "carts", "user.deleted", {"user_id": never}) == 204
    assert tokens.tell(instance, "auth", "carts", "user.created", {**news, "user_id": never}) == 204
    assert cart_row(instance, never)["deleted"]
    stores_agree(instance)


def test_a_token_that_is_still_good_does_not_bring_the_cart_back(instance, customer, product):
    """What a worker answers that has not heard of the revocation yet."""
    data(customer.add(product["id"], 2), 201)
    assert tokens.tell(instance, "users", "carts", "user.deleted", {"user_id": customer.user_id}) == 204
    item = f"/cart/items/{product['id']}"
    for answer in (customer.get("/cart"), customer.add(product["id"]), customer.patch(item, {"quantity": 1}),
                   customer.patch(item, {"quantity": 0}), customer.delete(item), customer.delete("/cart"),
                   customer.add(product["id"], headers=key())):
        problem(answer, 404, "CART_NOT_FOUND")
    assert cart_row(instance, customer.user_id)["deleted"]
    stores_agree(instance)


def test_a_user_deleted_while_he_shops(instance, admin, product):
    """Every answer is one of a cart that is there or is gone, and nothing comes back."""
    for _ in range(3):
        user = instance.new_user()

        def act(i):
            if i == 0:
                return [admin.another().delete(f"/users/{user.user_id}")]
            client = user.another()
            return [client.add(product["id"]) for _ in range(15)]

        removed, *shopped = in_threads(4, act)
        assert removed[0].status_code == 200, removed[0].text
        assert {a.status_code for answers in shopped for a in answers} <= {201, 401, 404}
        gone(instance, user)
