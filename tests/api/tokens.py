"""Tokens made by hand with an instance's own keys, and calls as one service makes them to another."""

import http.client
import json
import socket
import time
import uuid

from forge import encode, keys_of, part
from harness import HANG


def claims_of(token):
    return part(token, 1)


def session_of(client):
    """The 16 bytes of the session that a client's token belongs to."""
    return uuid.UUID(claims_of(client.token)["sid"]).bytes


def signed(keys, claims):
    """By the first of the keys, as forge.keys_of gives them."""
    kid, key = keys[0]
    header = {"alg": key.alg, "typ": "JWT", "kid": kid}
    text = ".".join(encode(json.dumps(p).encode()) for p in (header, claims))
    return text + "." + encode(key.sign(text))


def access(instance, client, **claims):
    """The client's token with some claims changed."""
    return signed(keys_of(instance), {**claims_of(client.token), **claims})


def expired(instance, client):
    now = int(time.time())
    return access(instance, client, iat=now - 60, nbf=now - 60, exp=now - 1)


def service(instance, audience, sender="auth", **claims):
    """What a service would show to another one."""
    now = int(time.time())
    base = {
        "iss": "halle", "aud": audience, "sub": sender, "role": "service", "type": "service", "user_id": 0, "sid": "",
        "jti": str(uuid.uuid4()), "iat": now, "nbf": now, "exp": now + 600,
    }
    return signed(keys_of(instance, "service_keys_file"), {**base, **claims})


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
        text = answer.read()
        return answer.status, json.loads(text) if text else None
    finally:
        connection.close()


def call(instance, sender, receiver, path, body, **headers):
    """A POST of a service to another: status and JSON."""
    token = service(instance, receiver, sender)
    return ask_internal(instance, "POST", path, token, json.dumps(body), **headers)


def tell(instance, sender, receiver, kind, data, event_id=None):
    """Delivers an event; its status."""
    body = {"event_id": event_id or str(uuid.uuid4()), "type": kind, "data": data}
    return call(instance, sender, receiver, f"/internal/{receiver}/events", body)[0]
