"""A stand-in for halle-orders at its own socket, for tests of payments alone: it begins payments and
takes events as the real one does, and can be told to refuse, to hang or to break off."""

import json
import os
import re
import socket
import socketserver
import struct
import threading

from fastcgi import BEGIN, END, PARAMS, STDIN, STDOUT, record


def pairs(text):
    """The parameters of a request: {name: value}."""
    found, i = {}, 0

    def length():
        nonlocal i
        size = text[i]
        i += 1
        if size > 127:
            size = (size & 127) << 24 | int.from_bytes(text[i:i + 3], "big")
            i += 3
        return size

    while i < len(text):
        name, value = length(), length()
        found[text[i:i + name].decode()] = text[i + name:i + name + value].decode()
        i += name + value
    return found


class Handler(socketserver.StreamRequestHandler):
    def exactly(self, n):
        data = self.rfile.read(n)
        if len(data) < n:
            raise EOFError
        return data

    def handle(self):
        try:
            while True:
                self.serve_one()
        except (EOFError, OSError):
            pass

    def serve_one(self):
        params, body, keep = b"", b"", True
        while True:
            _, kind, _, size, pad = struct.unpack(">BBHHBx", self.exactly(8))
            content = self.exactly(size + pad)[:size]
            if kind == BEGIN:
                keep = bool(content[2] & 1)
            elif kind == PARAMS:
                params += content
            elif kind == STDIN and not content:
                break
            elif kind == STDIN:
                body += content
        status, answer = self.server.orders.answer(pairs(params), json.loads(body or b"{}"))
        text = json.dumps(answer).encode()
        head = f"Status: {status} X\r\nContent-Type: application/json\r\n\r\n".encode()
        self.wfile.write(record(STDOUT, head + text) + record(STDOUT) + record(END, bytes(8)))
        if not keep:
            raise EOFError


def error(status, code, **more):
    return status, {"success": False, "error": {"code": code, "message": code}, **more}


class Orders:
    """Pending orders, by id: user and cents."""

    def __init__(self, instance):
        self.lock = threading.Lock()
        self.orders, self.events, self.seen = {}, [], set()
        self.begins = 0
        self.trouble = None  # called before a payment is begun; may answer in its place
        self.deaf = False  # events are not taken
        self.next_id = 1000
        instance.stop("orders")
        path = str(instance.var / "run/orders.sock")
        if os.path.exists(path):
            os.unlink(path)

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True
            request_queue_size = 256

        self.server = Server(path, Handler)
        self.server.orders = self
        os.chmod(path, 0o777)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def new(self, user, cents=2599):
        with self.lock:
            self.next_id += 1
            self.orders[self.next_id] = {"user_id": user.user_id, "cents": cents, "state": "pending",
                                         "payment": None, "refunded": 0, "tombs": set()}
            return self.next_id

    def answer(self, params, body):
        path = params["DOCUMENT_URI"]
        if path == "/internal/orders/events":
            return self.take(body)
        order_id = int(re.fullmatch(r"/internal/orders/(\d+)/payment", path)[1])
        trouble = self.trouble and self.trouble(order_id, body)
        with self.lock:
            self.begins += 1
            return trouble or self.begin(order_id, body)

    def begin(self, order_id, body):
        order = self.orders.get(order_id)
        if not order or order["user_id"] != body["user_id"]:
            return error(404, "ORDER_NOT_FOUND")
        if order["state"] != "pending" or body["payment_id"] in order["tombs"]:
            return error(409, "ORDER_NOT_PENDING")
        if order["payment"] not in (None, body["payment_id"]):
            return error(409, "PAYMENT_IN_PROGRESS")
        order["payment"] = body["payment_id"]
        return 200, {"success": True, "data": {"order_id": order_id, "amount_cents": order["cents"], "currency": "EUR"}}

    def take(self, event):
        if self.deaf:
            return error(503, "SERVICE_UNAVAILABLE")
        with self.lock:
            if event["event_id"] in self.seen:
                return 204, {}
            self.seen.add(event["event_id"])
            self.events.append((event["type"], event["data"]))
            self.act(event["type"], event["data"])
        return 200, {"success": True}

    def act(self, kind, data):
        order = self.orders[data["order_id"]]
        if kind == "payment.captured":
            assert order["state"] == "pending" and order["payment"] == data["payment_id"]
            order["state"] = "paid"
        elif kind == "payment.failed":
            order["tombs"].add(data["payment_id"])
            if order["payment"] == data["payment_id"]:
                order["payment"] = None
        elif kind == "payment.refunded":
            order["refunded"] = max(order["refunded"], data["refunded_cents"])

    def told(self, order_id):
        with self.lock:
            return [(kind, data) for kind, data in self.events if data["order_id"] == order_id]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
