"""Access tokens made by hand with an instance's own keys, so that each can be wrong in one way."""

import base64
import hashlib
import hmac
import json
import time

from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import load_der_private_key

HASHES = {"sha256": SHA256, "sha384": SHA384, "sha512": SHA512}


def encode(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def part(token, number):
    """The header (0) or the claims (1) of a token."""
    return json.loads(decode(token.split(".")[number]))


class HmacKey:
    alg = "HS256"

    def __init__(self, raw):
        self.raw = raw

    def sign(self, text, digest="sha256"):
        return hmac.new(self.raw, text.encode(), getattr(hashlib, digest)).digest()


class EcKey:
    alg = "ES256"

    def __init__(self, private=None):
        self.private = private or ec.generate_private_key(ec.SECP256R1())

    def __str__(self):
        return self.alg

    def der(self, text, digest="sha256"):
        return self.private.sign(text.encode(), ec.ECDSA(HASHES[digest]()))

    def sign(self, text, digest="sha256"):
        r, s = utils.decode_dss_signature(self.der(text, digest))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def keys_of(instance, setting="jwt_keys_file"):
    """(kid, key) for each line of a key file; with ES256, of the private ones."""
    found = []
    for line in instance.path(setting).read_text().splitlines():
        kid, *rest = line.split()
        if rest[0] == "ES256" and setting == "jwt_keys_file":
            return keys_of(instance, "auth.jwt_private_file")
        found.append((kid, EcKey(load_der_private_key(base64.b64decode(rest[1]), None)) if rest[0] == "ES256"
                      else HmacKey(bytes.fromhex(rest[0]))))
    return found


class Forge:
    """Makes tokens for a user, signed as auth would unless told otherwise."""

    def __init__(self, instance, user):
        self.kid, self.key = keys_of(instance)[0]
        now = int(time.time())
        self.header = {"alg": self.key.alg, "typ": "JWT", "kid": self.kid}
        self.claims = {
            "iss": "halle", "aud": "halle", "sub": user.username, "user_id": user.user_id,
            "role": "customer", "sid": "0192f000-0000-7000-8000-000000000000",
            "jti": "0192f000-0000-7000-8000-000000000001", "type": "access",
            "iat": now, "nbf": now, "exp": now + 600,
        }

    def text(self, header=None, claims=None, without=()):
        """The first two parts."""
        header = {**self.header, **(header or {})}
        claims = {k: v for k, v in {**self.claims, **(claims or {})}.items() if k not in without}
        return ".".join(encode(json.dumps(part).encode()) for part in (header, claims))

    def sign(self, text, key=None, digest="sha256"):
        """The third part; key: another one, an object as above or the bytes of an HMAC key."""
        if isinstance(key, bytes):
            key = HmacKey(key)
        return encode((key or self.key).sign(text, digest))

    def token(self, header=None, claims=None, without=(), **signing):
        text = self.text(header, claims, without)
        return text + "." + self.sign(text, **signing)
