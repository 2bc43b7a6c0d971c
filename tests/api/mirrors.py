"""The store that mirrors carts, whichever it is: looked into, changed behind halle's back, taken away."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess

import pymysql

from harness import HANG, eventually, kill

SLOTS = ("v", "f", "d", "pv", "pf", "pd", "mf")
VERIFIED, FILLING = "halle:verified", "halle:filling"  # keys in Redis


def epoch(server, filling):
    """The name of this life of Redis, from its INFO and the value of FILLING."""
    return f"{server['run_id']}-{filling}"


class Store:
    """What both have in common; slots are {"v": "3", …}, without those that are not there."""

    def __init__(self, instance):
        self.instance = instance

    def is_verified(self):
        """Every cart was written into this life of the store."""
        with self.viewer() as view:
            return view(0)[1]

    def take_away(self, how):
        if how == signal.SIGSTOP:
            kill(self.instance.pid(self.process), how)
        else:
            self.instance.stop(self.process, how)

    def give_back(self, how):
        if how == signal.SIGSTOP:
            kill(self.instance.pid(self.process), signal.SIGCONT)
        else:
            self.start()


class Redis(Store):
    process = "redis"

    def slots(self, user):
        return self.instance.mirror().hgetall(f"cart:{user}")

    @contextlib.contextmanager
    def viewer(self, timeout=HANG):
        """A function that tells a user's slots and is_verified, both of one moment."""
        with self.instance.mirror(timeout) as mirror:

            def view(user):
                together = mirror.pipeline(transaction=True)
                together.hgetall(f"cart:{user}")
                together.mget(VERIFIED, FILLING)
                together.info("server")
                slots, (verified, filling), server = together.execute()
                return slots, verified == epoch(server, filling)

            yield view

    def put(self, user, **slots):
        self.instance.mirror().hset(f"cart:{user}", mapping=slots)
        if "pv" in slots:
            self.instance.mirror().sadd("cart:pending", user)

    def pending(self):
        return {int(user) for user in self.instance.mirror().smembers("cart:pending")}

    def empty(self):
        self.instance.mirror().flushall()

    def start(self):
        self.instance.start_redis()

    def lose(self):
        """Its files are gone, too."""
        self.instance.stop(self.process)
        for path in (self.instance.var / "data/redis").rglob("*"):
            if path.is_file():
                path.unlink()
        self.start()


class Mariadb(Store):
    process = "mariadb-mirror"

    LIFE = """SELECT CONCAT(l.id, '-', @@server_id, '-', COALESCE(UNIX_TIMESTAMP(t.create_time), 0)) AS life,
        (SELECT d FROM cart_mirror WHERE user_id = 0) AS verified FROM server_life l JOIN information_schema.tables t
        ON t.table_schema = DATABASE() AND t.table_name = 'cart_mirror'"""

    @contextlib.contextmanager
    def cursor(self, timeout=HANG):
        connection = pymysql.connect(
            unix_socket=str(self.instance.path("mirror_socket")),
            user=pwd.getpwuid(os.getuid()).pw_name,
            database="halle_mirror",
            autocommit=True,
            connect_timeout=HANG,
            read_timeout=timeout,
            cursorclass=pymysql.cursors.DictCursor,
        )
        with connection, connection.cursor() as cursor:
            yield cursor

    def slots(self, user):
        with self.cursor() as cursor:
            return self.slots_by(cursor, user)

    @contextlib.contextmanager
    def viewer(self, timeout=HANG):
        with self.cursor(timeout) as cursor:

            def view(user):
                cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
                cursor.execute(self.LIFE)
                row = cursor.fetchone() or {"life": None, "verified": b""}
                slots = self.slots_by(cursor, user)
                cursor.execute("COMMIT")
                return slots, row["life"] == (row["verified"] or b"").decode()

            yield view

    @staticmethod
    def slots_by(cursor, user):
        cursor.execute(f"SELECT {','.join(SLOTS)} FROM cart_mirror WHERE user_id = %s", (user,))
        row = cursor.fetchone() or {}
        if not row.get("v"):
            row = {k: row.get(k) for k in SLOTS[3:]}
        return {k: v.decode() if isinstance(v, bytes) else str(v) for k, v in row.items() if v is not None}

    def put(self, user, **slots):
        changes = ",".join(f"{name} = %s" for name in slots)
        with self.cursor() as cursor:
            cursor.execute(f"UPDATE cart_mirror SET {changes} WHERE user_id = %s", (*slots.values(), user))

    def pending(self):
        with self.cursor() as cursor:
            cursor.execute("SELECT user_id FROM cart_mirror WHERE pv IS NOT NULL")
            return {row["user_id"] for row in cursor.fetchall()}

    def empty(self):
        with self.cursor() as cursor:
            cursor.execute("DELETE FROM cart_mirror")

    def start(self):
        var = self.instance.var
        subprocess.Popen(
            ["mariadbd", f"--defaults-file={var}/etc/mariadb-mirror.cnf", f"--user={pwd.getpwuid(os.getuid()).pw_name}"],
            env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        eventually(lambda: self.slots(0) is not None, 60)

    def lose(self):
        """Its files are gone, too."""
        self.instance.stop(self.process)
        shutil.rmtree(self.instance.var / "data/mariadb-mirror")
        self.instance.up()


def mirror_store(instance):
    return {"redis": Redis, "mariadb": Mariadb}[instance.setting("mirror_store")](instance)


@contextlib.contextmanager
def no_reconciler(instance):
    """Somebody else holds its lease."""
    with instance.database("carts") as database, database.cursor() as cursor:
        take = "UPDATE lease SET owner = 'test', scanned_at = NOW(6), until_at = NOW(6) + INTERVAL %s SECOND WHERE name = 'reconciler'"
        cursor.execute(take, 3600)
        try:
            yield
        finally:
            cursor.execute(take, -1)
