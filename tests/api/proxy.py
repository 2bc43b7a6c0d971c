"""A proxy on a server's unix socket, which can cut, hold and change what passes.

It takes the place of the socket file: the server's own is moved aside, and clients connect
anew after they are cut off. A server that restarts makes a new socket and so ends this.
"""

import contextlib
import os
import pathlib
import socket
import threading

from harness import eventually, kill

UP, DOWN = "up", "down"  # from the client to the server, and back
CHUNK = 1 << 16
ANSWER = 5  # seconds that a server may take to answer what was held


class Connection:
    """One client's connection and its own to the server, pumped by two threads."""

    def __init__(self, proxy, client, server):
        self.proxy, self.client, self.server = proxy, client, server
        self.late = None  # what was held of it and has been passed on
        self.marked = False  # it has carried what the proxy was told to look for
        self.counting = False  # the exchange that is cut or measured has begun
        self.passed = {UP: 0, DOWN: 0}  # bytes of it
        for source, sink, way in ((client, server, UP), (server, client, DOWN)):
            threading.Thread(target=self.pump, args=(source, sink, way), daemon=True).start()

    def pump(self, source, sink, way):
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                data, cut = self.proxy.pass_on(self, way, data)
                if cut and cut.release:
                    cut.release.wait()
                    self.late = cut
                if self.late and way == DOWN:
                    self.late.answered.set()
                sink.sendall(data)
                if cut and not cut.release:
                    break
                if cut and way == UP:
                    cut.answered.wait(ANSWER)  # the client may have left: its end would end this
        self.close()

    def close(self):
        """Shut down first: the other thread waits in recv."""
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self.proxy.forget(self)


class Cut:
    """Cuts the connection when count bytes of the exchange went this way. The exchange begins
    with the bytes "start" from the client; with None, when the connection is made.

    alone: from then on nobody gets a connection until the proxy is disarmed.
    held: not cut, but the chunk in which that byte stands waits for release.set(), even when
    the client has left meanwhile; answered is set when the server has answered it."""

    def __init__(self, start, way, count, alone=False, held=False):
        self.start, self.way, self.count, self.alone = start, way, count, alone
        self.release = threading.Event() if held else None
        self.fired, self.answered = threading.Event(), threading.Event()


class Proxy:
    """mark: bytes that only those connections carry that cuts are for; None: all."""

    def __init__(self, path, mark=None):
        self.path, self.mark = pathlib.Path(path), mark
        self.aside = self.path.with_suffix(".aside")
        self.lock = threading.RLock()
        self.connections, self.cut, self.change, self.measured = set(), None, None, None

    def __enter__(self):
        self.path.rename(self.aside)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        os.chmod(self.path, 0o777)
        self.listener.listen(128)
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.aside.rename(self.path)
        self.close_all()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                if self.cut and self.cut.alone and self.cut.fired.is_set():
                    client.close()
                    continue
                server = socket.socket(socket.AF_UNIX)
                try:
                    server.connect(str(self.aside))
                except OSError:
                    client.close()
                    continue
                with self.lock:
                    connection = Connection(self, client, server)
                    self.connections.add(connection)
                    if self.cut and self.cut.start is None:
                        connection.counting = True

    def close_all(self, marked=False):
        with self.lock:
            chosen = [c for c in self.connections if c.marked or not marked]
        for connection in chosen:
            connection.close()

    def forget(self, connection):
        with self.lock:
            self.connections.discard(connection)

    # -- what is done with the bytes

    def arm(self, cut):
        """The next exchange is cut, and only it."""
        with self.lock:
            for connection in self.connections:
                connection.counting, connection.passed = False, {UP: 0, DOWN: 0}
            self.cut = cut
        return cut

    def measure(self, start):
        """Nothing is cut: passed tells afterwards how long the exchange was."""
        return self.arm(Cut(start, UP, None))

    def disarm(self):
        """Bytes that passed in the exchange, both ways."""
        with self.lock:
            self.cut = None
            found = [c.passed for c in self.connections if c.counting]
        return max(found, key=lambda p: p[UP], default={UP: 0, DOWN: 0})

    def pass_on(self, connection, way, data):
        """The bytes to pass on, and the cut that they ran into."""
        with self.lock:
            if self.change and way == UP:
                data = self.change(connection, data)
            if way == UP and self.mark and self.mark in data:
                connection.marked = True
            return self.count(connection, way, data)

    def count(self, connection, way, data):
        before = 0  # bytes that do not belong to the exchange
        if not self.cut or self.cut.fired.is_set():
            return data, None
        if not connection.counting and way == UP and self.cut.start and self.is_for(connection, data):
            before = data.find(self.cut.start)
            connection.counting = before >= 0
        if not connection.counting:
            return data, None
        left = None if self.cut.count is None else self.cut.count - connection.passed[way]
        connection.passed[way] += len(data) - before
        if way != self.cut.way or left is None or len(data) - before < left:
            return data, None
        self.cut.fired.set()
        return (data if self.cut.release else data[: before + left]), self.cut

    def is_for(self, connection, data):
        return (connection.marked or not self.mark) and self.cut.start in data


def connect_anew(instance):
    """Connections that were made before the proxy was there do not pass it: a new worker's do."""
    old = instance.workers("carts")
    for pid in old:
        kill(pid)
    client = instance.client()
    eventually(lambda: set(instance.workers("carts")).isdisjoint(old))
    eventually(lambda: client.get("/cart/health").status_code == 200)
