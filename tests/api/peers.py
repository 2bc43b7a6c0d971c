"""Calls as one service makes them to another: through nginx's internal socket, with a service token."""

import base64
import hashlib
import hmac
import http.client
import json
import socket
import time
import uuid

HANG = 20


def encode(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def service_token(instance, sender, receiver):
    kid, key = instance.signing_key("service_keys_file")
    now = int(time.time())
    header = {"alg": "HS256", "typ": "JWT", "kid": kid}
    claims = {
        "iss": "halle", "aud": receiver, "sub": sender, "role": "service", "type": "service", "sid": "", "user_id": 0,
        "jti": str(uuid.uuid4()), "iat": now, "nbf": now, "exp": now + 60,
    }
    text = ".".join(encode(json.dumps(part).encode()) for part in (header, claims))
    return text + "." + encode(hmac.new(key, text.encode(), hashlib.sha256).digest())


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("halle.internal", timeout=HANG)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(HANG)
        self.sock.connect(self.path)


def call(instance, sender, receiver, path, body, **headers):
    """Status and body of the answer."""
    connection = UnixConnection(str(instance.path("internal_socket")))
    headers = {
        "Authorization": "Bearer " + service_token(instance, sender, receiver),
        "Content-Type": "application/json", **headers,
    }
    connection.request("POST", path, json.dumps(body), headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, json.loads(text) if text else None


def tell(instance, sender, receiver, kind, data, event_id=None):
    """Delivers an event; its status."""
    body = {"event_id": event_id or str(uuid.uuid4()), "type": kind, "data": data}
    return call(instance, sender, receiver, f"/internal/{receiver}/events", body)[0]
