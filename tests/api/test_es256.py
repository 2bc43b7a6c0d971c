"""Tokens signed ES256: the tests of tokens and of access once more, and what is new."""

import base64
import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import test_tokens
from forge import EcKey, Forge, HmacKey, decode, encode, part
from test_access import *  # noqa: F401,F403
from test_tokens import *  # noqa: F401,F403
from test_tokens import refused

_nothing_broke = test_tokens._nothing_broke
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.fixture(scope="module")
def instance(es256_instance):
    return es256_instance


@pytest.fixture(scope="module")
def admin(instance):
    return instance.admin()


def published(client):
    """The public key that signs, from what anybody may read."""
    answer = client.get("/.well-known/jwks.json")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/jwk-set+json"
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    jwk = answer.json()["keys"][0]
    x, y = (int.from_bytes(decode(jwk[name]), "big") for name in "xy")
    return jwk, ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


def test_anybody_can_verify_a_token_with_the_published_key(anyone, customer):
    jwk, key = published(anyone)
    assert {k: jwk[k] for k in ("kty", "crv", "use", "alg")} == {
        "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256"
    }
    assert part(customer.token, 0) == {"alg": "ES256", "typ": "JWT", "kid": jwk["kid"]}
    text, _, signature = customer.token.rpartition(".")
    raw = decode(signature)
    assert len(raw) == 64
    der = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    key.verify(der, text.encode(), ec.ECDSA(SHA256()))


def test_the_set_of_keys_tells_nothing_of_the_private_one(anyone):
    for jwk in anyone.get("/.well-known/jwks.json").json()["keys"]:
        assert set(jwk) == {"kty", "crv", "x", "y", "use", "alg", "kid"}


def test_only_auth_is_told_of_the_private_key(instance):
    lines = (instance.var / "etc/halle.conf").read_text().splitlines()
    assert [line for line in lines if "jwt_private" in line] == ["auth.jwt_private_file = jwt.private"]
    assert (instance.var / "etc/jwt.private").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("alg", ["HS256", "ES256", "HS512", "none"])
def test_a_mac_made_with_the_published_key_is_refused(anyone, forge, alg):
    jwk, key = published(anyone)
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    for raw in (pem, pem.strip(), spki, base64.b64encode(spki), point, point[1:], jwk["x"].encode()):
        refused(anyone, forge.token(header={"alg": alg}, key=HmacKey(raw)))
        long = hmac.new(raw, forge.text(header={"alg": alg}).encode(), hashlib.sha512).digest()
        refused(anyone, forge.text(header={"alg": alg}) + "." + encode(long))


def test_a_key_that_comes_with_the_token_is_not_used(anyone, forge):
    mine = EcKey()
    numbers = mine.private.public_key().public_numbers()
    jwk = {"kty": "EC", "crv": "P-256", **{n: encode(getattr(numbers, n).to_bytes(32, "big")) for n in "xy"}}
    refused(anyone, forge.token(header={"jwk": jwk}, key=mine))
    refused(anyone, forge.token(header={"jwk": jwk, "kid": None}, key=mine))
    refused(anyone, forge.token(key=mine))


def test_a_signature_in_der_is_refused(anyone, forge):
    text = forge.text()
    refused(anyone, text + "." + encode(forge.key.der(text)))


@pytest.mark.parametrize("r", [0, 1, P256_ORDER - 1, P256_ORDER, P256_ORDER + 1, 2**256 - 1])
def test_numbers_out_of_range_are_no_signature(anyone, forge, r):
    for s in (0, 1, P256_ORDER, 2**256 - 1):
        raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        refused(anyone, forge.text() + "." + encode(raw))


def test_a_signature_is_64_bytes(anyone, forge):
    text = forge.text()
    raw = forge.key.sign(text)
    for other in (raw[:32], raw[:-1], raw[1:], b"\0" + raw, raw + b"\0", b"\0" + raw[:32] + b"\0" + raw[32:], raw * 2):
        refused(anyone, text + "." + encode(other))
    refused(anyone, text + "." + encode(raw[32:] + raw[:32]))


def test_a_token_seen_before_is_not_verified_again(instance, anyone, customer):
    """It is remembered by each thread, so some of many requests find it."""
    before = instance.metric("halle_tokens_cached_total", "auth")
    for _ in range(50):
        assert customer.get("/auth/validate").status_code == 200
    assert instance.metric("halle_tokens_cached_total", "auth") > before
    forged = Forge(instance, customer).token()
    for _ in range(20):
        assert anyone.get("/auth/validate", headers={"Authorization": forged}).status_code == 200
        refused(anyone, forged[:-6] + "AAAAAA")
