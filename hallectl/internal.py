"""Calls to halle's services over nginx's internal socket, as the services call each other."""

import base64
import hashlib
import hmac
import http.client
import json
import socket
import time
import uuid

from . import keyfile
from .say import FRENCH, Failure, say

CALLER = "hallectl"
TOKEN_TTL_S = 60
REPLY_MAX = 4 << 20
TIMEOUT_S = 15  # nginx gives a service 10
PATIENCE_S = 10  # a service that restarts is back by then
REPEATED = (409, 429, 502, 503, 504)  # answers that a repetition may change


def encode(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def service_token(key, issuer, audience):
    """What fcgi/lib/token.c takes as a service's: RFC 7519, HS256."""
    now = int(time.time())
    header = {"alg": "HS256", "typ": "JWT", "kid": key.kid}
    claims = {
        "iss": issuer, "aud": audience, "sub": CALLER, "user_id": 0, "role": "service", "sid": "",
        "jti": str(uuid.uuid4()), "type": "service", "iat": now, "nbf": now, "exp": now + TOKEN_TTL_S,
    }
    signed = b".".join(encode(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    mac = hmac.new(bytes.fromhex(key.material), signed, hashlib.sha256).digest()
    return (signed + b"." + encode(mac)).decode()


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("halle.internal", timeout=TIMEOUT_S)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Service:
    """One service as its caller sees it. give_up: asked before a call is repeated."""

    def __init__(self, config, name, give_up=lambda: False):
        self.config, self.name, self.give_up = config, name, give_up
        self.socket = config.path("internal_socket")
        self.connection = UnixConnection(self.socket)

    def post(self, path, body):
        """The answer's "data". Repeated until there is one; the key makes that harmless."""
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        end = time.monotonic() + PATIENCE_S
        pause = 0.1
        while True:
            why, answer = self.try_post(path, body, headers)
            if answer is not None:
                return answer
            if self.give_up() or time.monotonic() + pause > end:
                raise Failure(why)
            time.sleep(pause)
            pause = min(2 * pause, 1)

    def try_post(self, path, body, headers):
        """(None, data), or (why there is none yet, None)."""
        try:
            status, answer = self.exchange(path, body, headers)
        except PermissionError:
            raise Failure(say("{}: no access for this user; run hallectl as root.",
                              "{} : interdit à cet utilisateur ; lancez hallectl en root.").format(self.socket))
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            return say("{} does not answer on {} ({}). Is nginx running?",
                       "{} ne répond pas sur {} ({}). nginx tourne-t-il ?").format(self.name, self.socket, why), None
        if status == 200 and "data" in answer:
            return None, answer["data"]
        if status in REPEATED:
            return self.refusal(status, answer), None
        raise Failure(self.refusal(status, answer))

    def exchange(self, path, body, headers):
        key = keyfile.read(self.config.secret("service_keys_file"))[0]
        token = service_token(key, self.config["token_issuer"], self.name)
        self.connection.request("POST", path, body, {
            **headers, "Authorization": "Bearer " + token, "Content-Type": "application/json",
            "Accept-Language": "fr" if FRENCH else "en",
        })
        got = self.connection.getresponse()
        text = got.read(REPLY_MAX)
        try:
            answer = json.loads(text)
        except ValueError:
            answer = {}
        return got.status, answer if isinstance(answer, dict) else {}

    def refusal(self, status, answer):
        """A sentence on an answer that is an error."""
        if status == 401:
            return say("{} does not take our token: restart the workers after changing service_keys_file.",
                       "{} refuse notre jeton : redémarrez les processus après un changement de service_keys_file."
                       ).format(self.name)
        if status == 502:
            return say("{} does not run (502). See: systemctl status 'halle-{}@*'",
                       "{} ne tourne pas (502). Voyez : systemctl status 'halle-{}@*'").format(self.name, self.name)
        error = answer.get("error") if isinstance(answer.get("error"), dict) else {}
        return say("{} answered {} {}: {} (request {})", "{} a répondu {} {} : {} (requête {})").format(
            self.name, status, error.get("code", ""), error.get("message", ""), answer.get("request_id", "?"))
