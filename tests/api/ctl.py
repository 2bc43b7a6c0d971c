"""hallectl as an operator runs it, and the accounts that another shop would hand over."""

import hashlib
import json
import os
import subprocess
import uuid

from harness import ROOT

RUN = """import sys
sys.path.insert(0, sys.argv.pop(1))
from hallectl.cli import main
sys.exit(main(config=sys.argv.pop(1)))"""
LIMIT = 120  # seconds after which a test gives up; never a measure of speed


def command(config, *arguments):
    return ["/usr/bin/python3", "-IB", "-c", RUN, str(ROOT), str(config), *map(str, arguments)]


def environment(language="C.UTF-8", **more):
    plain = {k: v for k, v in os.environ.items() if k not in ("LANG", "LC_MESSAGES", "HALLECTL_RESTART")}
    return {**plain, "LC_ALL": language, **more}


def run(config, *arguments, given=b"", language="C.UTF-8", **more):
    """Its exit status, standard output and standard error."""
    if isinstance(given, str):
        given = given.encode()
    done = subprocess.run(command(config, *arguments), input=given, env=environment(language, **more),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LIMIT)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def config_of(instance):
    return instance.var / "etc/halle.conf"


def import_users(instance, lines, **how):
    """Lines are dictionaries, or text and bytes as they are."""
    return run(config_of(instance), "import", "users", "-", given=jsonl(lines), **how)


def jsonl(lines):
    return b"".join(as_line(line) + b"\n" for line in lines)


def as_line(line):
    if isinstance(line, dict):
        line = json.dumps(line, ensure_ascii=False)
    return line.encode() if isinstance(line, str) else line


def scrypt(password, n=32768):
    salt = uuid.uuid4().hex[:16]
    got = hashlib.scrypt(password.encode(), salt=salt.encode(), n=n, r=8, p=1, maxmem=1 << 27)
    return f"scrypt:{n}:8:1${salt}${got.hex()}"


def pbkdf2(password, iterations=1000):
    salt = uuid.uuid4().hex[:16]
    got = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), iterations)
    return f"pbkdf2:sha256:{iterations}${salt}${got.hex()}"


UNUSED = "scrypt:32768:8:1$kR3nq0XvPz5YbT7u$" + "ab" * 64  # of accounts that nobody logs in to


def person(**members):
    """A line as the replaced shops' tables give it."""
    name = "i" + uuid.uuid4().hex[:16]
    return {"username": name, "email": f"{name}@example.com", "password_hash": UNUSED, **members}
