"""POST /internal/auth/import as such, and the answer of it that gets lost."""

import json
import socket
import sys
import threading

import pytest

import ctl
from ctl import person
from harness import ROOT, HANG, receive_all

sys.path.insert(0, str(ROOT))
from hallectl import config, internal, keyfile  # noqa: E402

PATH = "/internal/auth/import"


def post(instance, body, caller="hallectl", audience="auth", headers=None):
    """Status and body of the answer, as another service would get it."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    setup = config.Config(ctl.config_of(instance))
    key = keyfile.read(setup.secret("service_keys_file"))[0]
    connection = internal.UnixConnection(setup.path("internal_socket"))
    was, internal.CALLER = internal.CALLER, caller
    try:
        token = internal.service_token(key, setup["token_issuer"], audience)
    finally:
        internal.CALLER = was
    connection.request("POST", PATH, body, {
        "Authorization": f"Bearer {token}", "Content-Type": "application/json", **(headers or {})})
    got = connection.getresponse()
    return got.status, json.loads(got.read())


def names(instance, people):
    marks = ",".join(["%s"] * len(people))
    rows = instance.rows("auth", f"SELECT username FROM account WHERE username IN ({marks})",
                         *[p["username"] for p in people])
    return {row["username"] for row in rows}


def test_each_entry_has_its_outcome_in_order(instance):
    there, bad, fresh = person(), person(username="a b", role=5), person()
    assert post(instance, {"entries": [there]})[0] == 200
    status, answer = post(instance, {"entries": [bad, there, fresh, 7]}, headers={"Accept-Language": "fr"})
    assert status == 200 and answer["success"] is True and answer["count"] == 4
    first, second, third, fourth = answer["data"]
    assert first["result"] == "refused"
    assert {(e["pointer"], e["code"]) for e in first["errors"]} == {("#/username", "format"), ("#/role", "type")}
    assert first["errors"][0]["detail"] == "La forme n'est pas la bonne."
    assert second["result"] == "exists" and third["result"] == "created"
    assert second["user_id"] < third["user_id"]
    assert [(e["pointer"], e["code"]) for e in fourth["errors"]] == [("#", "type")]
    assert names(instance, [there, fresh]) == {there["username"], fresh["username"]}


@pytest.mark.parametrize("member", ["id", "user_id", "status", "password", "created_at", "x"])
def test_members_that_an_entry_does_not_have_are_refused(instance, member):
    line = person(**{member: 1})
    _, answer = post(instance, {"entries": [line]})
    assert [(e["pointer"], e["code"]) for e in answer["data"][0]["errors"]] == [(f"#/{member}", "unknown")]
    assert names(instance, [line]) == set()


@pytest.mark.parametrize("caller", ["carts", "users", "auth", "Hallectl", "hallectl2"])
def test_another_service_may_not(instance, caller):
    line = person()
    status, answer = post(instance, {"entries": [line]}, caller=caller)
    assert (status, answer["error"]["code"]) == (403, "FORBIDDEN")
    assert names(instance, [line]) == set()


def test_a_token_for_another_service_opens_nothing(instance):
    assert post(instance, {"entries": [person()]}, audience="users")[0] == 401


@pytest.mark.parametrize(
    "body, status",
    [(b"", 400), (b"{", 400), (b"[]", 400), (b"null", 400), ({}, 400), ({"entries": {}}, 400), ({"entries": None}, 400),
     (b'{"entries":[{"username":"\\u0000"}]}', 400), (b'{"entries":[' + b"[" * 40 + b"]" * 40 + b"]}", 400),
     ({"entries": ["x" * 600000]}, 413)],
)
def test_a_body_that_is_no_batch_changes_nothing(instance, unharmed, body, status):
    before = instance.checksum("auth")
    assert post(instance, body)[0] == status
    assert instance.checksum("auth") == before


def test_a_batch_has_a_limit_and_beyond_it_nothing_is_imported(instance):
    people = [person() for _ in range(257)]
    status, answer = post(instance, {"entries": people})
    assert status == 400 and answer["errors"][0]["pointer"] == "#/entries"
    assert names(instance, people) == set()
    assert post(instance, {"entries": people[:256]})[0] == 200


class Forgetful:
    """Stands before nginx's socket and loses its first answers."""

    def __init__(self, path, behind, losses):
        self.behind, self.losses = behind, losses
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(path))
        self.server.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            caller, _ = self.server.accept()
            with caller, socket.socket(socket.AF_UNIX) as nginx:
                nginx.settimeout(HANG)
                nginx.connect(str(self.behind))
                nginx.sendall(self.request(caller))
                answer = receive_all(nginx)
                if self.losses > 0:
                    self.losses -= 1
                else:
                    caller.sendall(answer)

    @staticmethod
    def request(caller):
        """One whole request, so changed that nginx closes after it."""
        got = b""
        while b"\r\n\r\n" not in got:
            got += caller.recv(65536)
        head, _, body = got.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        length = next(int(line.split(b":")[1]) for line in lines if line.lower().startswith(b"content-length:"))
        while len(body) < length:
            body += caller.recv(65536)
        return b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n" + body


def test_after_a_lost_answer_the_counts_are_still_true(instance, tmp_path):
    behind = instance.path("internal_socket")
    Forgetful(tmp_path / "socket", behind, losses=2)
    keys = tmp_path / "service.keys"
    keys.write_text(instance.path("service_keys_file").read_text())
    (tmp_path / "halle.conf").write_text(f"internal_socket = {tmp_path}/socket\n")
    people = [person() for _ in range(5)]
    code, out, err = ctl.run(tmp_path / "halle.conf", "import", "users", "-", given=ctl.jsonl(people))
    assert (code, err) == (0, "")
    assert out.startswith("5 lines, 5 imported, 0 already there, 0 bad in ")
    assert names(instance, people) == {p["username"] for p in people}
