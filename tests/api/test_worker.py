"""The worker's loop, spoken to directly in FastCGI: what nginx never shows us on good days."""
import json
import os
import pathlib
import select
import signal
import socket
import threading
import time
import uuid

import pytest

import tokens
from fastcgi import PARAMS, InternalDoor, Worker, eventually, params, record, request
from forge import HmacKey

BUILD = pathlib.Path(os.environ.get("HALLE_BUILD", "build")).resolve()
PROGRAM = str(BUILD / "halle-products")
LIVEZ = "/products/livez"


@pytest.fixture
def worker(tmp_path):
    w = Worker(tmp_path, PROGRAM)
    yield w
    if w.process.poll() is None:
        assert w.stop() == 0


def test_one_kept_connection_carries_many_requests(worker):
    c = worker.connect()
    for _ in range(100):
        status, _, body = c.ask(LIVEZ)
        assert status == 200
        assert json.loads(body)["data"]["status"] == "alive"


def test_a_connection_that_is_not_kept_is_closed_after_its_answer(worker):
    c = worker.connect()
    assert c.ask(LIVEZ, keep=False)[0] == 200
    assert c.sock.recv(1) == b""


def test_idle_kept_connections_do_not_starve_new_ones(worker):
    idle = [worker.connect() for _ in range(256)]
    for c in idle[::8]:
        assert c.ask(LIVEZ)[0] == 200
    before = worker.cpu_seconds()
    for _ in range(20):
        assert worker.connect().ask(LIVEZ)[0] == 200
    time.sleep(0.5)
    assert worker.cpu_seconds() - before < 0.3, "idle connections cost time"
    for c in idle:
        c.close()


def test_a_body_cut_short_is_refused_and_the_worker_lives(worker):
    c = worker.connect()
    status, _, body = c.ask("/products", method="POST", body=b'{"name":"x"', length=400)
    assert status == 400
    assert json.loads(body)["error"]["code"] == "INVALID_BODY"
    assert worker.connect().ask(LIVEZ)[0] == 200


def test_a_client_that_leaves_in_mid_request_harms_nobody(worker):
    whole = request(LIVEZ, HTTP_USER_AGENT="x" * 3000)
    for cut in (1, 7, 8, 12, 16, 40, 1000, len(whole) - 9, len(whole) - 1):
        c = worker.connect()
        c.send(whole[:cut])
        c.close()
    assert worker.connect().ask(LIVEZ)[0] == 200


def test_rubbish_instead_of_fastcgi_is_dropped(worker):
    for rubbish in (b"GET / HTTP/1.0\r\n\r\n", b"\0" * 64, b"\xff" * 64, os.urandom(500),
                    record(PARAMS, b"\xff\xff\xff\xff" * 8)):
        c = worker.connect()
        c.send(rubbish)
        c.sock.shutdown(socket.SHUT_WR)
        while c.sock.recv(4096):
            pass
        c.close()
    assert worker.connect().ask(LIVEZ)[0] == 200


def test_parameters_beyond_one_buffer_are_read_whole(worker):
    status, head, _ = worker.connect().ask(LIVEZ, HTTP_USER_AGENT="u" * 20000,
                                           HTTP_ACCEPT_LANGUAGE="fr")
    assert status == 200
    c = worker.connect()
    assert c.ask("/nothing", HTTP_COOKIE="c" * 30000, HTTP_ACCEPT_LANGUAGE="fr")[0] == 404
    assert c.ask(LIVEZ)[0] == 200, "nothing of the first request is left over"


def test_a_body_is_drained_when_it_is_refused(worker):
    c = worker.connect()
    status, _, body = c.ask("/products", method="POST", body=b"x" * 4_000_000)
    assert status in (401, 413)
    assert c.ask(LIVEZ)[0] == 200


def test_a_control_byte_in_the_path_is_not_found(worker):
    for path in (b"/products/\x01", b"/products/\xff\xfe", b"/products/1\n"):
        assert worker.connect().ask(path)[0] == 404


def test_a_request_that_waited_too_long_is_refused_early(worker):
    old = f"{time.time() - 5:.3f}"
    status, head, body = worker.connect().ask("/products", HALLE_MSEC=old)
    assert status == 503
    assert json.loads(body)["error"]["code"] == "SERVER_BUSY"
    assert "Retry-After: 1" in head


def test_when_every_thread_is_stuck_others_are_refused_not_kept_waiting(tmp_path):
    # a database that accepts and never speaks holds every pool thread
    silent = socket.socket(socket.AF_UNIX)
    silent.bind(str(tmp_path / "none.sock"))
    silent.listen(64)
    w = Worker(tmp_path, PROGRAM, queue_ms=200)
    stuck = [w.connect() for _ in range(4)]
    for c in stuck:
        c.send(request("/products/1"))
    time.sleep(0.1)
    statuses = [w.connect().ask("/products/1")[0], w.connect().ask(LIVEZ)[0]]
    assert statuses == [503, 200], "work is refused, liveness is answered"
    for c in stuck:
        assert c.answer()[0] == 503
    assert w.stop() == 0


def test_file_descriptors_running_out_heals_by_itself(tmp_path):
    w = Worker(tmp_path, PROGRAM, nofile=64)
    assert w.connect().ask(LIVEZ)[0] == 200
    crowd = [w.connect() for _ in range(200)]
    for c in crowd:
        c.close()
    eventually(lambda: w.connect().ask(LIVEZ)[0] == 200, 5)
    threads = {t: w.connect() for t in range(8)}
    for c in threads.values():
        assert c.ask(LIVEZ)[0] == 200
    assert w.stop() == 0


def test_beyond_max_connections_new_ones_wait_and_are_then_served(tmp_path):
    w = Worker(tmp_path, PROGRAM, max_connections=8)
    held = [w.connect() for _ in range(8)]
    for c in held:
        assert c.ask(LIVEZ)[0] == 200
    late = w.connect()
    late.send(request(LIVEZ))
    held.pop().close()
    assert late.answer()[0] == 200
    assert w.stop() == 0


def test_sigterm_ends_it_with_0_after_serving_kept_connections(worker):
    c = worker.connect()
    assert c.ask(LIVEZ)[0] == 200
    worker.process.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    assert c.ask(LIVEZ)[0] == 200, "a kept connection is still served while draining"
    c.close()
    assert worker.process.wait(10) == 0


def test_sigterm_ends_it_even_when_a_connection_is_in_steady_use(worker):
    done, begun = [], threading.Event()

    def use():
        c = worker.connect()
        try:
            while True:
                assert c.ask(LIVEZ)[0] == 200
                begun.set()
        except (EOFError, ConnectionError):
            done.append("closed between two requests")

    t = threading.Thread(target=use)
    t.start()
    assert begun.wait(20)
    assert worker.stop() == 0
    t.join()
    assert done


def test_it_starts_from_a_systemd_socket(tmp_path):
    w = Worker(tmp_path, PROGRAM, systemd=True)
    assert w.connect().ask(LIVEZ)[0] == 200
    assert w.stop() == 0


def test_without_a_database_it_is_alive_but_not_ready(worker):
    c = worker.connect()
    assert c.ask(LIVEZ)[0] == 200
    status, _, body = c.ask("/products/readyz")
    assert status == 503
    assert json.loads(body)["checks"]["database"] == "down"


def test_without_nginx_it_starts_at_once_and_says_so_once(worker, tmp_path):
    assert worker.connect().ask(LIVEZ)[0] == 200
    time.sleep(1)  # it has asked a few times by now
    assert (tmp_path / "worker.log").read_text().count("revocations.unavailable") == 1


def admin_token(folder, sid):
    kid, key = (folder / "jwt.keys").read_text().split()
    now = int(time.time())
    return tokens.signed([(kid, HmacKey(bytes.fromhex(key)))], {
        "iss": "halle", "aud": "halle", "sub": "admin", "role": "admin", "type": "access", "user_id": 1, "sid": sid,
        "jti": str(uuid.uuid4()), "iat": now, "nbf": now, "exp": now + 600,
    })


def test_it_answers_nobody_before_it_has_the_list_of_revocations(tmp_path):
    """auth holds its first answer back: a client gets none meanwhile, and then the right one."""
    ended, asked, early = str(uuid.uuid4()), threading.Event(), []
    row = {"id": 1, "session_id": ended, "expires_at": int(time.time()) + 600}
    body = json.dumps({"success": True, "data": [row], "count": 1}).encode()

    def answer(path):
        began = time.monotonic()
        if not early and asked.wait(5):
            answered = bool(select.select([c.sock], [], [], 0.2)[0])
            # the worker gives up after 0.5 s: of a machine so slow, nothing can be said
            early.append(answered and time.monotonic() - began < 0.4)
        return body

    door = InternalDoor(tmp_path / "internal.sock", answer)
    w = Worker(tmp_path, PROGRAM)
    try:
        c = w.connect()
        bearer = "Bearer " + admin_token(tmp_path, ended)
        c.send(request("/products/1/stock", HTTP_AUTHORIZATION=bearer))
        asked.set()
        first = c.answer()
        assert early == [False]
        eventually(lambda: w.connect().ask("/products/1/stock", HTTP_AUTHORIZATION=bearer)[0] == 401)
        assert first[0] == 401 or "revocations.unavailable" in (tmp_path / "worker.log").read_text()
        good = "Bearer " + admin_token(tmp_path, str(uuid.uuid4()))
        assert w.connect().ask("/products/1/stock", HTTP_AUTHORIZATION=good)[0] == 503, "there is no database"
    finally:
        assert w.stop() == 0
        door.close()
