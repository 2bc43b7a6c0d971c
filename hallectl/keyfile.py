"""Key files as fcgi/lib/token.h describes them, read and replaced whole. No sentence ever
shows key text."""

import base64
import contextlib
import datetime
import fcntl
import os
import pathlib
import re
import secrets
import subprocess
from typing import NamedTuple

from . import config
from .say import Failure, say

STAMP = "%Y%m%dT%H%M%S"


class Key(NamedTuple):
    kid: str
    alg: str  # HS256, ES256
    material: str  # hexadecimal; Base64 of DER

    def line(self):
        return f"{self.kid} {self.material}" if self.alg == "HS256" else f"{self.kid} ES256 {self.material}"


def is_base64(text):
    with contextlib.suppress(ValueError):
        return len(base64.b64decode(text, validate=True)) > 0
    return False


def parse_line(line):
    """None when it is no key."""
    words = line.split(" ")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,16}", words[0]):
        return None
    if len(words) == 2 and re.fullmatch(r"([0-9A-Fa-f]{2}){32,64}", words[1]):
        return Key(words[0], "HS256", words[1])
    if len(words) == 3 and words[1] == "ES256" and is_base64(words[2]):
        return Key(words[0], "ES256", words[2])
    return None


def read(path, private=False):
    """One or two keys; of a file of private keys, as many as there are, comments left out."""
    found = []
    for number, line in enumerate(config.read(path).split("\n"), 1):
        if not line or private and line.startswith("#"):
            continue
        key = parse_line(line)
        if not key:
            raise Failure(say("{}: line {} is no key (“KID HEX” or “KID ES256 BASE64”).",
                              "{} : la ligne {} n'est pas une clé (« KID HEX » ou « KID ES256 BASE64 »)."
                              ).format(path, number))
        found.append(key)
    if not private and not 1 <= len(found) <= 2:
        raise Failure(say("{} holds {} keys; one or two can be.", "{} contient {} clés ; il en faut une ou deux."
                          ).format(path, len(found)))
    return found


# -- making


def stamp_time(kid):
    """When a key was made, by a kid such as 20261120 or 20261120T101500; None of another."""
    for form in ("%Y%m%d", STAMP):
        with contextlib.suppress(ValueError):
            made = datetime.datetime.strptime(kid, form).replace(tzinfo=datetime.timezone.utc)
            if made.strftime(form) == kid:
                return made
    return None


def is_newer(key, other):
    """By their kids; what is none of ours is older than all of ours."""
    first, second = stamp_time(key.kid), stamp_time(other.kid)
    return first is not None and (second is None or first > second)


def new_kid(others):
    """Now, but later than the others."""
    moment = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    for key in others:
        made = stamp_time(key.kid)
        if made and made >= moment:
            moment = made + datetime.timedelta(seconds=1)
    return moment.strftime(STAMP)


def openssl(arguments, given=b""):
    try:
        done = subprocess.run(["openssl", *arguments], input=given, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        done = None
    if not done or done.returncode or not done.stdout:
        raise Failure(say("openssl could not make a key. Is it installed (apt-get install openssl)?",
                          "openssl n'a pas pu faire de clé. Est-il installé (apt-get install openssl) ?"))
    return done.stdout


def make(alg, kid):
    """The key that verifies, and the one that signs; with HS256 both are one."""
    if alg == "HS256":
        key = Key(kid, alg, secrets.token_hex(32))
        return key, key
    pair = openssl(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-outform", "DER"])
    pair = openssl(["pkcs8", "-topk8", "-nocrypt", "-inform", "DER", "-outform", "DER"], pair)
    public = openssl(["pkey", "-inform", "DER", "-pubout", "-outform", "DER"], pair)
    return tuple(Key(kid, alg, base64.b64encode(der).decode()) for der in (public, pair))


# -- writing


def write(path, keys, comment=""):
    """The whole file at once, with the owner and the mode of the one before."""
    path = pathlib.Path(os.path.realpath(path))
    text = comment + "".join(key.line() + "\n" for key in keys)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    new = path.with_name(path.name + ".new")
    try:
        with contextlib.suppress(FileNotFoundError):
            new.unlink()  # of one that was killed
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with open(fd, "wb") as out:
            with contextlib.suppress(FileNotFoundError):
                before = path.stat()
                os.fchown(fd, before.st_uid, before.st_gid)
                os.fchmod(fd, before.st_mode & 0o777)
            out.write(text.encode())
            out.flush()
            os.fsync(fd)
        os.rename(new, path)
        os.fsync(folder)
    finally:
        os.close(folder)


@contextlib.contextmanager
def locked(path):
    """One hallectl at a time changes the keys in a folder."""
    folder = os.open(pathlib.Path(os.path.realpath(path)).parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Failure(say("Another hallectl works on the keys; wait for it.",
                          "Un autre hallectl travaille sur les clés ; attendez-le."))
    finally:
        os.close(folder)
