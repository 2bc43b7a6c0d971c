"""An instance as the tests see it: started and stopped, spoken to, looked into."""

import contextlib
import functools
import json
import os
import pathlib
import pwd
import re
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import uuid

import pymysql
import redis
import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVICES = ("auth", "users", "products", "carts", "orders", "payments", "bank")
HEALTH = {
    "auth": "/auth/health",
    "users": "/users/health",
    "products": "/products/health",
    "carts": "/cart/health",
    "orders": "/orders/health",
    "payments": "/payments/health",
    "bank": "/bank/health",
}
PASSWORD = "correct horse battery staple"
HANG = 20  # seconds after which a test gives up waiting; never a measure of speed
# for an instance whose tests are not about time limits: a machine that pauses for seconds changes no answer
PATIENT = {"HALLE_SETTINGS": "queue_ms=10000;deadline_ms=8000;mirror_ms=2000;"
                             "bank_ms=3000;breaker_failures=100;breaker_calls=10000"}


def eventually(fn, seconds=HANG):
    """The first true answer of fn; errors, of a service that is still coming up or of an assertion in fn, count as no."""
    end = time.monotonic() + seconds
    last = None
    while time.monotonic() < end:
        try:
            last = fn()
            if last:
                return last
        except (requests.RequestException, pymysql.Error, redis.RedisError, OSError, AssertionError) as error:
            last = error
        time.sleep(0.02)
    raise AssertionError(f"still not so after {seconds} s: {last!r}")


FACTS = 1.1  # seconds after which no process of carts remembers a product as it was (facts_ms)


@contextlib.contextmanager
def reserved_ports(count):
    """Different ports that nobody else is given meanwhile. Who asks for them with SO_REUSEADDR, as nginx does, may listen."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for s in held:
            s.bind(("127.0.0.1", 0))
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        yield [s.getsockname()[1] for s in held]


class Client:
    """One caller. Not shared between threads: another() is the same caller for another one."""

    def __init__(self, instance, token=None, user_id=None, username=None):
        self.instance, self.token = instance, token
        self.user_id, self.username = user_id, username
        self.refresh_token = None
        self.session = requests.Session()
        self.session.verify = str(instance.certificate)
        self.session.trust_env = False

    def another(self):
        return Client(self.instance, self.token, self.user_id, self.username)

    def request(self, method, path, headers=None, **kw):
        headers = dict(headers or {})
        if self.token and "Authorization" not in headers:
            headers["Authorization"] = f"Bearer {self.token}"
        kw.setdefault("timeout", HANG)
        kw.setdefault("allow_redirects", False)
        return self.session.request(method, self.instance.url + path, headers=headers, **kw)

    def get(self, path, **kw):
        return self.request("GET", path, **kw)

    def post(self, path, body=None, **kw):
        return self.request("POST", path, **({"json": body} if body is not None else {}), **kw)

    def put(self, path, body=None, **kw):
        return self.request("PUT", path, **({"json": body} if body is not None else {}), **kw)

    def patch(self, path, body=None, **kw):
        return self.request("PATCH", path, **({"json": body} if body is not None else {}), **kw)

    def delete(self, path, **kw):
        return self.request("DELETE", path, **kw)

    def cart(self):
        return data(self.get("/cart"))

    def add(self, product_id, quantity=1, **kw):
        return self.post("/cart", {"product_id": product_id, "quantity": quantity}, **kw)


def data(answer, status=200):
    """The "data" of a successful answer."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text[:800]}"
    body = answer.json()
    assert body["success"] is True
    return body.get("data")


def problem(answer, status, code=None):
    """An error answer has the members of RFC 9457 and ours; returns it."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text[:800]}"
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    body = answer.json()
    assert body["status"] == status and body["success"] is False
    assert body["title"] and body["detail"] and body["type"]
    assert body["error"]["message"] and re.fullmatch(r"[A-Z_]+", body["error"]["code"])
    assert body["request_id"] == answer.headers["X-Request-Id"]
    if code:
        assert body["error"]["code"] == code, answer.text
    return body


class Instance:
    """A whole shop of its own under one folder, made by ./dev up."""

    def __init__(self, var, https_port, http_port, **settings):
        self.var = pathlib.Path(var)
        self.https_port, self.http_port = int(https_port), int(http_port)
        self.url = f"https://127.0.0.1:{self.https_port}"
        self.settings = settings

    @functools.cached_property
    def watcher(self):
        return self.client()

    # -- life

    def dev(self, *arguments, check=True):
        env = dict(
            os.environ,
            HALLE_BENCH="0",
            HALLE_AUDIT_S="0",
            HALLE_VAR=str(self.var),
            HALLE_HTTPS_PORT=str(self.https_port),
            HALLE_HTTP_PORT=str(self.http_port),
            **self.settings,
        )
        done = subprocess.run(
            [str(ROOT / "dev"), *arguments],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        assert not check or done.returncode == 0, f"./dev {arguments}:\n{done.stdout}"
        return done

    def up(self):
        """It is ready with one process of each service; the others may still be starting."""
        self.dev("up")
        processes = len(SERVICES) * int(self.settings.get("HALLE_WORKERS", 2))
        eventually(lambda: self.worker_starts() >= processes, 60)
        return self

    def down(self):
        self.dev("down", check=False)

    # -- what the configuration says

    @property
    def certificate(self):
        return self.var / "etc/tls/cert.pem"

    def setting(self, key):
        """A value of halle.conf; a path is made absolute."""
        conf = self.var / "etc/halle.conf"
        found = re.search(rf"^{re.escape(key)}\s*=\s*(.*?)\s*$", conf.read_text(), re.M)
        assert found, f"{conf} has no {key}"
        return found[1]

    def path(self, key):
        return self.var / "etc" / self.setting(key)

    # -- callers

    def client(self, token=None):
        return Client(self, token)

    def login(self, username, password):
        got = data(self.client().post("/auth/login", {"username": username, "password": password}))
        client = self.client(got["access_token"])
        client.refresh_token = got["refresh_token"]
        client.username = username
        client.user_id = data(client.get("/auth/profile"))["user_id"]
        return client

    def admin(self):
        return self.login("admin", "admin")

    def new_user(self):
        """A customer whose profile and cart are there."""
        name = "t" + uuid.uuid4().hex[:16]
        body = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
        data(self.client().post("/auth/register", body), 201)
        client = self.login(name, PASSWORD)
        eventually(lambda: data(client.get("/cart"))["version"])
        eventually(lambda: client.get("/users/profile").status_code == 200)
        return client

    def new_admin(self, admin):
        """Another admin, made by this one."""
        user = self.new_user()
        data(admin.put(f"/users/{user.user_id}/role", {"role": "admin"}))
        eventually(lambda: self.rows("auth", "SELECT 1 FROM account WHERE id = %s AND role = 'admin'", user.user_id))
        return self.login(user.username, PASSWORD)

    def new_product(self, admin, **fields):
        body = {"name": "Lampe " + uuid.uuid4().hex[:8], "price": 12.5, "storage_quantity": 500}
        return data(admin.post("/products", {**body, **fields}), 201)

    # -- what stands behind

    @contextlib.contextmanager
    def database(self, service):
        """Rows as dictionaries, read as the server's owner."""
        connection = pymysql.connect(
            unix_socket=str(self.path("db_socket")),
            user=pwd.getpwuid(os.getuid()).pw_name,
            database=f"halle_{service}",
            autocommit=True,
            connect_timeout=HANG,
            read_timeout=HANG,
            cursorclass=pymysql.cursors.DictCursor,
        )
        try:
            yield connection
        finally:
            connection.close()

    def rows(self, service, sql, *arguments):
        with self.database(service) as connection, connection.cursor() as cursor:
            cursor.execute(sql, arguments)
            return cursor.fetchall()

    def checksum(self, *services):
        """Changes when any row of these services' own tables does. What earlier tests set going has ended first."""
        sums = {}
        tables = {service: [next(iter(row.values())) for row in self.rows(service, "SHOW TABLES")] for service in SERVICES}
        for service in SERVICES:  # what is on its way may change any of them
            if "outbox" in tables[service]:
                eventually(lambda s=service: not self.rows(s, "SELECT 1 FROM outbox LIMIT 1"))
        for service in services or SERVICES:
            for table in tables[service]:
                if table not in ("session", "refresh_token", "login_failure", "cart_fence", "lease", "log_flush"):
                    row = self.rows(service, f"CHECKSUM TABLE `{table}`")[0]
                    sums[row["Table"]] = row["Checksum"]
        return sums

    def mirror(self, timeout=HANG):
        """Redis, as its administrator."""
        return redis.Redis(
            unix_socket_path=str(self.path("mirror_socket")),
            username="halle-admin",
            password=(self.var / "etc/mirror-admin.pw").read_text().strip(),
            decode_responses=True,
            socket_timeout=timeout,
        )

    def journal(self):
        """Lines of failed_cart_requests.log."""
        path = self.path("journal")
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def complaints(self):
        """What the workers wrote of broken invariants, and sanitizers of theirs."""
        signs = re.compile(rb'Sanitizer|runtime error:|"event":"(bug|out_of_memory)"')
        logs = (self.var / f"log/{service}.log" for service in SERVICES)
        return [line for log in logs for line in log.read_bytes().splitlines() if signs.search(line)]

    def metrics(self):
        """Counters of all processes: {(name, labels): value}."""
        answer = self.watcher.get("/metrics")
        assert answer.status_code == 200, answer.text
        rows = re.findall(r"^([a-z_]+){([^}]*)} (\S+)$", answer.text, re.M)
        return {(name, labels): float(value) for name, labels, value in rows}

    def metric(self, name, service, label=""):
        """One counter of a service, summed over the labels that hold this one."""
        wanted = (f'service="{service}"', label)
        return sum(v for (n, labels), v in self.metrics().items() if n == name and all(w in labels for w in wanted))

    def wounds(self):
        """What may not grow: processes started, and answers of 5xx."""
        return {
            k: v for k, v in self.metrics().items()
            if k[0] == "halle_worker_starts_total" or 'class="5xx"' in k[1]
        }

    # -- its processes

    def pid(self, name):
        return int((self.var / f"run/{name}.pid").read_text())

    def workers(self, service):
        """Processes of a service; their parent starts a dead one anew."""
        return children(self.pid(service))

    def restart_workers(self):
        """One worker of each service after the other drains and ends; a new one takes its place."""
        for group in zip(*[self.workers(service) for service in SERVICES]):
            starts = self.worker_starts()
            for pid in group:
                kill(pid, signal.SIGTERM)
            eventually(lambda: not any(is_running(pid) for pid in group), 60)
            eventually(lambda: self.worker_starts() == starts + len(group), 60)

    def worker_starts(self):
        return sum(v for (name, _), v in self.metrics().items() if name == "halle_worker_starts_total")

    def start_redis(self):
        subprocess.run(
            ["redis-server", str(self.var / "etc/redis.conf")],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            timeout=HANG,
        )

    def start_mariadb(self):
        with open(self.var / "log/mariadb.log", "ab") as log:
            subprocess.Popen(
                ["mariadbd", f"--defaults-file={self.var / 'etc/mariadb.cnf'}",
                 f"--user={pwd.getpwuid(os.getuid()).pw_name}"],
                env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        eventually(lambda: self.rows("carts", "SELECT 1"), 60)

    def stop(self, name, how=signal.SIGTERM):
        """Ends one of the servers and waits until it is gone."""
        pid = self.pid(name)
        kill(pid, how)
        eventually(lambda: not is_running(pid), 60)


@contextlib.contextmanager
def private_instance(**settings):
    """An instance that a test may break."""
    with tempfile.TemporaryDirectory(prefix="halle-") as folder, reserved_ports(2) as ports:
        if os.getuid() == 0:  # ./dev runs as the owner of the source folder
            owner = ROOT.stat()
            os.chown(folder, owner.st_uid, owner.st_gid)
        instance = Instance(folder, *ports, **settings)
        try:
            yield instance.up()
        finally:
            instance.down()
        assert instance.complaints() == []


def send_raw(instance, request, tls=True):
    """Bytes as they are; returns status, headers (lower case) and body of the answer."""
    port = instance.https_port if tls else instance.http_port
    context = ssl.create_default_context(cafile=str(instance.certificate))
    with socket.create_connection(("127.0.0.1", port), timeout=HANG) as plain:
        sock = context.wrap_socket(plain, server_hostname="localhost") if tls else plain
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, ssl.SSLError):
            sock.sendall(request)
        return parse_answer(receive_all(sock))


def receive_all(sock):
    got = b""
    with contextlib.suppress(ConnectionResetError, ssl.SSLError):
        while chunk := sock.recv(65536):
            got += chunk
    return got


def parse_answer(got):
    head, _, body = got.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    assert lines[0].startswith("HTTP/1.1 "), got[:200]
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    return int(lines[0].split()[1]), headers, body


def in_threads(count, fn, seconds=120):
    """fn(0) .. fn(count - 1) at once; their results, or the first error."""
    results, errors = [None] * count, []

    def run(i):
        try:
            results[i] = fn(i)
        except BaseException as error:  # reported by the caller's thread
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)
        assert not thread.is_alive(), "a thread hangs"
    if errors:
        raise errors[0]
    return results


def is_running(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(pid):
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rsplit(")", 1)[1].split()[1]) == pid:
                found.append(int(stat.parent.name))
    return found


def kill(pid, how=signal.SIGKILL):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, how)
