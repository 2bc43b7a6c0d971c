"""Keys of access tokens are changed while the shop is in use: nobody is refused by mistake."""

import base64
import os
import time
import uuid

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from actors import IDLE, Actor, Team
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


class Visitor(Actor):
    """Logs in, reads a while with the token, logs in again."""

    def __init__(self, instance, name):
        super().__init__(instance.client())
        self.username, self.reads, self.slow, self.kid, self.wrong = name, 0, 0, None, []

    def act(self):
        login = self.client.post("/auth/login", {"username": self.username, "password": PASSWORD})
        if not self.good(login):
            return
        self.client.token = login.json()["data"]["access_token"]
        self.kid = part(self.client.token, 0)["kid"]
        self.done += 1
        for i in range(20):
            self.reads += self.good(self.client.get(READS[i % len(READS)]))

    def good(self, answer):
        if answer.status_code == 200:
            return True
        if answer.status_code in (503, 504) and answer.json()["error"]["code"] in SLOW:
            self.slow += 1
        else:
            self.wrong.append(f"{answer.status_code} {answer.url} {answer.text[:300]}")
        time.sleep(IDLE)
        return False


class Visitors(Team):
    """What they do is to log in: who has done it twice more holds a token that was asked for since."""

    BOUND = 120

    def __init__(self, instance, count=3):
        super().__init__((Visitor(instance, instance.new_user().username) for _ in range(count)), first=2)


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
            visitors.wait_for_more(2)
            assert {v.kid for v in visitors.members} == {keys[0][0]}
            assert published(anyone) == ([kid for kid, _ in keys] if keys[0][1].alg == "ES256" else [])
    reads, slow = (sum(getattr(v, name) for v in visitors.members) for name in ("reads", "slow"))
    wrong = visitors.gathered("wrong")
    print(f"{reads} reads and {visitors.done} logins, {slow} timed out; wrong: {wrong}")
    assert wrong == [] and reads > 0
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
