"""Accounts, profiles and carts agree in the end, whatever dies while an admin works."""

import os
import random
import uuid

import pytest

from actors import Actor, Team
from harness import PASSWORD, data, eventually, is_running, kill, private_instance, problem
from shoppers import stores_agree

SERVICES = ("auth", "users", "carts")
# a user who was created while events could not be delivered has no profile for a moment
LATER = ("IDEMPOTENCY_KEY_BUSY", "USER_NOT_FOUND")


@pytest.fixture(scope="module")
def instance():
    with private_instance(HALLE_LIMITS="off") as made:
        yield made


@pytest.fixture(scope="module")
def admin(instance):
    return instance.admin()


def cut_off(instance, name):
    """Ends a server at once, and a service's workers with their parent, which would start them anew."""
    pids = [instance.pid(name)] + (instance.workers(name) if name in SERVICES else [])
    for pid in pids:
        kill(pid)
    eventually(lambda: not any(is_running(pid) for pid in pids), 60)


class Clerk(Actor):
    """An admin who makes users, gives roles and deletes, and repeats until he is told it is done."""

    def __init__(self, client, prefix, seed):
        super().__init__(client, seed)
        self.prefix, self.roles, self.names, self.deleted = prefix, {}, {}, []

    def act(self):
        kind = self.random.choice(("create", "role", "role", "delete")) if self.roles else "create"
        if kind == "create":
            name = self.prefix + uuid.uuid4().hex[:16]
            body = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
            made = data(self.send("POST", "/users", body, *LATER), 201)
            assert made["username"] == name
            self.roles[made["id"]], self.names[made["id"]] = "customer", name
        else:
            user = self.random.choice(list(self.roles))
            if kind == "role":
                role = self.random.choice(("customer", "admin"))
                assert data(self.send("PUT", f"/users/{user}/role", {"role": role}, *LATER))["role"] == role
                self.roles[user] = role
            else:
                self.send("DELETE", f"/users/{user}", None, *LATER)
                del self.roles[user], self.names[user]
                self.deleted.append(user)
        self.done += 1


class Office(Team):
    """Several clerks at once."""

    BOUND = 120

    def __init__(self, admin, clerks=3):
        self.prefix = "k" + uuid.uuid4().hex[:8] + "."
        super().__init__(Clerk(admin.another(), self.prefix, seed) for seed in range(clerks))

    def merged(self, what):
        return {k: v for clerk in self.members for k, v in getattr(clerk, what).items()}


def columns(instance, service, sql):
    return {tuple(row.values()) for row in instance.rows(service, sql)}


def disagreement(instance):
    """What accounts, profiles and carts tell of users that the others do not."""
    accounts = columns(instance, "auth", "SELECT id, username, email, role FROM account")
    profiles = columns(instance, "users", "SELECT id, username, email, role FROM profile")
    carts = {i for (i,) in columns(instance, "carts", "SELECT user_id FROM cart WHERE deleted = 0")}
    waiting = [
        row for s in ("auth", "users") for row in instance.rows(s, "SELECT type, service, attempts FROM outbox")
    ]
    return accounts ^ profiles, carts ^ {a[0] for a in accounts}, waiting


def services_agree(instance):
    try:
        eventually(lambda: disagreement(instance) == (set(), set(), []), 90)
    finally:
        print("still different:", disagreement(instance))
    stores_agree(instance)


def nothing_was_lost(instance, office):
    roles, names = office.merged("roles"), office.merged("names")
    deleted = set(office.gathered("deleted"))
    profiles = dict(columns(instance, "users", "SELECT id, role FROM profile"))
    assert {i: profiles.get(i) for i in roles} == roles
    assert not deleted & set(profiles)
    usernames = [n for (n,) in columns(instance, "auth", "SELECT username FROM account")]
    assert {n for n in usernames if n.startswith(office.prefix)} == set(names.values())
    for user in list(names)[:3]:
        assert instance.login(names[user], PASSWORD).user_id == user


def test_killed_workers_leave_no_half_of_a_user(instance, admin):
    dice = random.Random(7)
    with Office(admin) as office:
        for _ in range(12 if os.environ.get("HALLE_LONG") else 4):
            for service in SERVICES:
                workers = instance.workers(service)
                if workers:
                    kill(dice.choice(workers))
            office.wait_for_more(2)
        for service in SERVICES:
            for pid in instance.workers(service):
                kill(pid)
        office.wait_for_more(3)
    print(f"{office.done} changes acknowledged; troubles: {office.troubles()}")
    services_agree(instance)
    nothing_was_lost(instance, office)


def test_stopped_services_are_made_up_for_when_they_are_back(instance, admin):
    with Office(admin, clerks=2) as office:
        office.wait_for_more(4)
        for name in ("auth", "carts", "redis", "users", "mariadb"):
            cut_off(instance, name)
            if name == "carts" or name == "redis":  # nobody waits for these
                office.wait_for_more(2)
            else:
                seen = len(office.members[0].trouble)
                eventually(lambda: len(office.members[0].trouble) > seen + 1)
            instance.dev("up")
            office.wait_for_more(3)
    services_agree(instance)
    nothing_was_lost(instance, office)


def absent(instance, service, sql, user):
    return not instance.rows(service, sql, user.user_id)


@pytest.mark.parametrize("away", ["auth", "carts", "redis"])
def test_a_deletion_completes_by_itself_when_the_others_are_back(instance, admin, away):
    user, keep = instance.new_user(), instance.new_user()
    cut_off(instance, away)
    try:
        answer = admin.delete(f"/users/{user.user_id}")
        assert answer.status_code == 200, answer.text
        assert absent(instance, "users", "SELECT id FROM profile WHERE id = %s", user)
        waiting = instance.rows("users", "SELECT service FROM outbox WHERE type = 'user.deleted'")
        assert {"service": "auth" if away == "auth" else "carts"} in waiting
        for pid in instance.workers("users"):
            kill(pid)
    finally:
        instance.dev("up")
    eventually(lambda: absent(instance, "auth", "SELECT id FROM account WHERE id = %s", user), 90)
    eventually(lambda: absent(instance, "carts", "SELECT * FROM cart WHERE user_id = %s AND deleted = 0", user), 90)
    assert not absent(instance, "auth", "SELECT id FROM account WHERE id = %s", keep)
    services_agree(instance)


def test_a_role_completes_by_itself_when_auth_is_back(instance, admin):
    user = instance.new_user()
    cut_off(instance, "auth")
    try:
        for role in ("admin", "customer", "admin"):
            data(admin.put(f"/users/{user.user_id}/role", {"role": role}))
    finally:
        instance.dev("up")
    services_agree(instance)
    assert instance.rows("auth", "SELECT role FROM account WHERE id = %s", user.user_id) == [{"role": "admin"}]


def test_without_auth_nobody_is_created(instance, admin):
    name = "z" + uuid.uuid4().hex[:16]
    body = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
    cut_off(instance, "auth")
    try:
        before = instance.checksum("auth", "users", "carts")
        for language, text in (("en", "nothing was changed"), ("fr", "rien n'a changé")):
            answer = admin.post("/users", body, headers={"Idempotency-Key": name, "Accept-Language": language})
            assert text in problem(answer, 503, "SERVICE_UNAVAILABLE")["detail"]
        assert instance.checksum("auth", "users", "carts") == before
    finally:
        instance.dev("up")
    key = {"Idempotency-Key": name}
    made = eventually(lambda: (a := admin.post("/users", body, headers=key)).status_code == 201 and a)
    assert data(made, 201)["username"] == name
    services_agree(instance)


def test_a_user_whose_cart_was_never_made_is_deleted_for_good(instance, admin):
    """user.created waits for carts when user.deleted comes: whichever is first, no cart stays."""
    name = "y" + uuid.uuid4().hex[:16]
    body = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
    cut_off(instance, "carts")
    try:
        made = data(admin.post("/users", body), 201)
        assert admin.delete(f"/users/{made['id']}").status_code == 200
    finally:
        instance.dev("up")
    services_agree(instance)
    assert instance.rows("carts", "SELECT deleted FROM cart WHERE user_id = %s", made["id"]) == [{"deleted": 2}]


def test_an_id_is_not_reused_after_the_database_restarted(instance, admin):
    user = instance.new_user()
    assert admin.delete(f"/users/{user.user_id}").status_code == 200
    services_agree(instance)
    cut_off(instance, "mariadb")
    instance.dev("up")
    assert instance.new_user().user_id > user.user_id
