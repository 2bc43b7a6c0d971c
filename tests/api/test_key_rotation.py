"""Keys of access tokens are changed while the shop is in use: nobody is refused by mistake."""

import base64
import os
import threading
import time
import uuid

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from forge import EcKey, Forge, HmacKey, keys_of, part
from harness import PASSWORD, data, eventually, private_instance, problem

# what a machine out of breath answers; it tells nothing of keys or of restarts
SLOW = ("SERVER_BUSY", "DATABASE_UNAVAILABLE", "OUTCOME_UNKNOWN", "GATEWAY_TIMEOUT")
LONG = bool(os.environ.get("HALLE_LONG"))  # a worker drains for seconds before the next one may
READS = ("/auth/validate", "/cart", "/users/profile", "/auth/profile")


@pytest.fixture(scope="module", params=["HS256", "ES256"] if LONG else ["HS256"])
def instance(request):
    with private_instance(HALLE_LIMITS="off", HALLE_JWT=request.param) as made:
        yield made


# -- key files


def new_key(like):
    key = EcKey() if like.alg == "ES256" else HmacKey(os.urandom(32))
    return uuid.uuid4().hex[:8], key


def line_of(kid, key, private):
    if key.alg == "HS256":
        return f"{kid} {key.raw.hex()}"
    der = (
        key.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        if private
        else key.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    return f"{kid} ES256 {base64.b64encode(der).decode()}"


def replace(path, lines):
    new = path.with_suffix(".new")
    new.touch(0o600)
    new.write_text("".join(line + "\n" for line in lines))
    os.chown(new, path.stat().st_uid, path.stat().st_gid)
    new.rename(path)


def install(instance, keys):
    """The private ones first: who is told of a key can use it."""
    if keys[0][1].alg == "ES256":
        replace(instance.path("auth.jwt_private_file"), [line_of(*key, True) for key in keys])
    replace(instance.path("jwt_keys_file"), [line_of(*key, False) for key in keys])


# -- the load


class Visitor(threading.Thread):
    """Logs in, reads a while with the token, logs in again."""

    def __init__(self, instance, name, until):
        super().__init__(daemon=True)
        self.client, self.name_, self.until = instance.client(), name, until
        self.logins, self.reads, self.slow, self.kid = 0, 0, 0, None
        self.wrong, self.error = [], None

    def run(self):
        try:
            while not self.until.is_set():
                self.visit()
        except BaseException as error:  # shown by the test's own thread
            self.error = error

    def visit(self):
        login = self.client.post("/auth/login", {"username": self.name_, "password": PASSWORD})
        if not self.good(login):
            return
        self.client.token = login.json()["data"]["access_token"]
        self.kid = part(self.client.token, 0)["kid"]
        self.logins += 1
        for i in range(20):
            self.reads += self.good(self.client.get(READS[i % len(READS)]))

    def good(self, answer):
        if answer.status_code == 200:
            return True
        if answer.status_code in (503, 504) and answer.json()["error"]["code"] in SLOW:
            self.slow += 1
        else:
            self.wrong.append(f"{answer.status_code} {answer.url} {answer.text[:300]}")
        time.sleep(0.05)
        return False


class Visitors:
    def __init__(self, instance, count=3):
        self.end = threading.Event()
        self.all = [Visitor(instance, instance.new_user().username, self.end) for _ in range(count)]

    def __enter__(self):
        for visitor in self.all:
            visitor.start()
        self.log_in_again()
        return self

    def __exit__(self, *_):
        self.end.set()
        for visitor in self.all:
            visitor.join(60)
            assert not visitor.is_alive(), "a visitor hangs"
            if visitor.error:
                raise visitor.error

    def log_in_again(self):
        """Waits until each holds a token that was asked for after this call."""
        goals = [v.logins + 2 for v in self.all]
        eventually(
            lambda: any(v.error for v in self.all)
            or all(v.logins >= goal for v, goal in zip(self.all, goals)), 120
        )

    @property
    def wrong(self):
        return [w for v in self.all for w in v.wrong]


# -- the tests


def published(client):
    answer = client.get("/.well-known/jwks.json")
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "application/jwk-set+json"
    return [key["kid"] for key in answer.json()["keys"]]


def test_the_key_is_changed_twice_and_nobody_is_refused(instance):
    """(a) tell all workers of the new key, (b) sign with it, (c) drop the old one, when no
    token of its is left; (c) and the next key's (a) are one step."""
    user, anyone = instance.new_user(), instance.client()
    (first,) = keys_of(instance)
    second, third = new_key(first[1]), new_key(first[1])
    retired = Forge(instance, user).token()
    steps = [[first, second], [second, first], [second, third], [third, second], [third]]
    gone = second
    if not LONG:
        gone, steps = first, [[first, third], [third, first], [third]]
    with Visitors(instance) as visitors:
        for keys in steps:
            install(instance, keys)
            instance.restart_workers()
            visitors.log_in_again()
            assert {v.kid for v in visitors.all} == {keys[0][0]}
            assert published(anyone) == ([kid for kid, _ in keys] if keys[0][1].alg == "ES256" else [])
    reads, logins, slow = (sum(getattr(v, name) for v in visitors.all) for name in ("reads", "logins", "slow"))
    print(f"{reads} reads and {logins} logins, {slow} timed out; wrong: {visitors.wrong}")
    assert visitors.wrong == [] and reads > 0
    for path in READS:
        problem(anyone.get(path, headers={"Authorization": f"Bearer {retired}"}), 401, "INVALID_TOKEN")
    kid, key = gone
    forge = Forge(instance, user)
    for token in (forge.token(header={"kid": kid}, key=key), forge.token(key=key)):
        problem(anyone.get("/cart", headers={"Authorization": f"Bearer {token}"}), 401, "INVALID_TOKEN")
    data(anyone.get("/auth/validate", headers={"Authorization": f"Bearer {forge.token()}"}))


def test_a_key_file_that_is_not_sound_stops_no_running_worker(instance):
    path = instance.path("jwt_keys_file")
    sound = path.read_text()
    replace(path, ["x 00"])
    try:
        one = instance.workers("users")[0]
        os.kill(one, 15)
        eventually(lambda: one not in instance.workers("users"), 60)
        user = instance.new_user()
        for _ in range(20):
            assert user.get("/users/profile").status_code == 200
    finally:
        replace(path, sound.splitlines())
    eventually(lambda: len(instance.workers("users")) == 2)
