"""Tokens made by hand with an instance's own keys, and calls through its internal door."""

import base64
import hashlib
import hmac
import http.client
import json
import socket
import time
import uuid

from harness import HANG


def _encode(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def claims_of(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def session_of(client):
    """The 16 bytes of the session that a client's token belongs to."""
    return uuid.UUID(claims_of(client.token)["sid"]).bytes


def signed(key, claims):
    """key: its id and its bytes."""
    kid, secret = key
    header = {"alg": "HS256", "typ": "JWT", "kid": kid}
    text = ".".join(_encode(json.dumps(part).encode()) for part in (header, claims))
    return text + "." + _encode(hmac.new(secret, text.encode(), hashlib.sha256).digest())


def _times():
    now = int(time.time())
    return {"iss": "halle", "iat": now, "nbf": now, "exp": now + 600, "jti": str(uuid.uuid4())}


def access(instance, client, **claims):
    """The client's token with some claims changed."""
    return signed(instance.signing_key(), {**claims_of(client.token), **claims})


def expired(instance, client):
    now = int(time.time())
    return access(instance, client, iat=now - 60, nbf=now - 60, exp=now - 1)


def service(instance, audience, **claims):
    """What the service auth would show to another one."""
    base = {"aud": audience, "sub": "auth", "role": "service", "type": "service", "user_id": 0, "sid": ""}
    return signed(instance.signing_key("service_keys_file"), {**_times(), **base, **claims})


def ask_internal(instance, method, path, token=None, body=None, **headers):
    """Status and JSON of an answer through nginx's internal socket."""
    connection = http.client.HTTPConnection("halle.internal", timeout=HANG)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(HANG)
    try:
        connection.sock.connect(str(instance.path("internal_socket")))
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()
