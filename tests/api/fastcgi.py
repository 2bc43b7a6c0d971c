"""A FastCGI client that can misbehave, and a worker started by hand: for tests of the loop."""
import os
import signal
import socket
import socketserver
import struct
import subprocess
import threading
import time

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR = 1, 2, 3, 4, 5, 6, 7


def record(kind, content=b"", request=1):
    return struct.pack(">BBHHBx", 1, kind, request, len(content), 0) + content


def _pair(name, value):
    def length(n):
        return bytes([n]) if n < 128 else struct.pack(">I", n | 0x80000000)
    return length(len(name)) + length(len(value)) + name + value


def params(**values):
    return b"".join(_pair(k.encode(), v if isinstance(v, bytes) else v.encode())
                    for k, v in values.items())


def request(path, method="GET", body=b"", keep=True, length=None, **more):
    """The bytes of one request; length lies about CONTENT_LENGTH when given."""
    fields = dict(REQUEST_METHOD=method, DOCUMENT_URI=path, QUERY_STRING="",
                  CONTENT_TYPE="application/json", HALLE_REQUEST_ID="t" * 32, **more)
    size = len(body) if length is None else length
    if size:
        fields["CONTENT_LENGTH"] = str(size)
    text = params(**fields)
    out = record(BEGIN, struct.pack(">HB5x", 1, 1 if keep else 0))
    for i in range(0, len(text), 60000):
        out += record(PARAMS, text[i:i + 60000])
    out += record(PARAMS)
    for i in range(0, len(body), 60000):
        out += record(STDIN, body[i:i + 60000])
    return out + record(STDIN)


class Connection:
    def __init__(self, path, timeout=10):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(timeout)
        self.sock.connect(path)

    def send(self, data):
        self.sock.sendall(data)

    def _exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.sock.recv(n - len(data))
            if not more:
                raise EOFError("the worker closed the connection")
            data += more
        return data

    def answer(self):
        """(status, header text, body) of one answer."""
        out = b""
        while True:
            _, kind, _, size, pad = struct.unpack(">BBHHBx", self._exactly(8))
            content = self._exactly(size + pad)[:size]
            if kind == STDOUT:
                out += content
            elif kind == END:
                break
        head, _, body = out.partition(b"\r\n\r\n")
        return int(head.split()[1]), head.decode(), body

    def ask(self, path, **kw):
        self.send(request(path, **kw))
        return self.answer()

    def close(self):
        self.sock.close()


class Worker:
    """halle-products without a database, on a socket of its own."""

    def __init__(self, folder, program, systemd=False, nofile=None, **config):
        self.path = str(folder / "w.sock")
        self.log = open(folder / "worker.log", "ab")
        for name in ("jwt", "service"):
            key = folder / f"{name}.keys"
            key.write_text("k1 " + os.urandom(32).hex() + "\n")
            key.chmod(0o600)
        values = dict(db_socket=str(folder / "none.sock"), metrics_dir=str(folder),
                      internal_socket=str(folder / "internal.sock"), threads=4, drain_ms=500, **config)
        (folder / "halle.conf").write_text("".join(f"{k} = {v}\n" for k, v in values.items()))
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path)
        listener.listen(512)
        command = [program, "--config", str(folder / "halle.conf")]
        if nofile:
            command = ["prlimit", f"--nofile={nofile}:{nofile}"] + command
        env = dict(os.environ)
        if systemd:
            fd = listener.fileno()
            start = f'exec 3<&{fd}; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"'
            self.process = subprocess.Popen(["bash", "-c", start, "bash"] + command,
                                            stdin=subprocess.DEVNULL, pass_fds=[fd],
                                            stderr=self.log, env=env)
        else:
            self.process = subprocess.Popen(command, stdin=listener, stderr=self.log, env=env)
        listener.close()

    def connect(self, **kw):
        return Connection(self.path, **kw)

    def stop(self, sig=signal.SIGTERM):
        """Exit status after the signal."""
        self.process.send_signal(sig)
        try:
            return self.process.wait(20)
        finally:
            self.process.kill()
            self.log.close()

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class InternalDoor:
    """Stands in for nginx's internal socket: every call is given to answer(path) -> bytes of JSON."""

    def __init__(self, path, answer):
        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                while line := self.rfile.readline():
                    while self.rfile.readline().strip():
                        pass
                    body = answer(line.split()[1].decode())
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True

        self.server = Server(str(path), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def eventually(condition, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not true within {seconds} s")
