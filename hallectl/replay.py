"""hallectl cart replay: the failed writes of failed_cart_requests.log, learnt about or done again."""

import calendar
import gzip
import json
import pathlib
import re
import time
import zlib

from .carts import post
from .internal import Service
from .progress import Progress
from .say import Failure, complain, count, say, visible

REPLAY_EN = """\
cart replay FILE [--apply]

Reads failed_cart_requests.log, and before it what was rotated from it (FILE.1, FILE.2.gz, …).
Lines whose checksum or form is wrong are skipped and told by number on standard error.

An “unknown” write is looked up, and the verdict appended to the journal, once. One that was
rolled back is listed and not done again: its client was told, and may have repeated it. With
--apply it is done now, under its own name, if the cart is still what it was then; a cart that
has moved on is left alone. Doing the same again changes nothing, and the shop may be open.

  done       the write was made, then or since
  not done   it was not made
  applied    it is made now
  moved      the cart has changed since; nothing was done
  refused    it cannot be made any more (the code says why)
  own        the service repeats it by itself
  baseless   the cart was not known when it failed; nothing was done
  forgotten  older than the operations that are kept; nothing was done

Exit status 1 when a line was bad.

  hallectl cart replay /var/lib/halle/carts/failed_cart_requests.log
"""
REPLAY_FR = """\
cart replay FICHIER [--apply]

Lit failed_cart_requests.log, et d'abord ce qui en fut archivé (FICHIER.1, FICHIER.2.gz, …). Les
lignes dont la somme ou la forme est fausse sont passées et dites par numéro sur la sortie
d'erreur.

Une écriture « unknown » est recherchée, et le verdict ajouté au journal, une fois. Une écriture
annulée est citée et non refaite : son client l'a su, et l'a peut-être répétée. Avec --apply elle
est faite maintenant, sous son propre nom, si le panier est encore ce qu'il était ; un panier qui
a changé est laissé. Recommencer ne change rien, et la boutique peut être ouverte.

  done       l'écriture fut faite, alors ou depuis
  not done   elle ne fut pas faite
  applied    elle est faite maintenant
  moved      le panier a changé depuis ; rien n'est fait
  refused    elle n'est plus possible (le code dit pourquoi)
  own        le service la répète de lui-même
  baseless   le panier n'était pas connu à l'échec ; rien n'est fait
  forgotten  plus vieille que les opérations gardées ; rien n'est fait

Code de retour 1 s'il y eut une mauvaise ligne.

  hallectl cart replay /var/lib/halle/carts/failed_cart_requests.log
"""

LINE_MAX = 64 << 10
RESULTS = ("done", "not_done", "applied", "moved", "refused", "own", "baseless", "forgotten")
NUMBERS = ("user_id", "base_version", "fence")
TEXTS = ("ts", "op_id", "crud", "route", "stage", "outcome")
ARGUMENTS = ("product_id", "quantity", "version")


class Bad(Exception):
    """A line that says nothing that can be believed."""


def table():
    """CRC-32C (Castagnoli), reflected."""
    rows = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        rows.append(byte)
    return rows


TABLE = table()


def crc32c(raw):
    crc = 0xFFFFFFFF
    for byte in raw:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def parse(raw):
    """The object of one line; checked as fcgi/carts/journal.h has it."""
    end = re.search(rb',"crc32c":"([0-9a-f]{8})"}\n?\Z', raw)
    if not end:
        raise Bad(say("not a whole line", "pas une ligne entière"))
    if int(end[1], 16) != crc32c(raw[: end.start()]):
        raise Bad(say("wrong checksum", "somme fausse"))
    try:
        entry = json.loads(raw)
    except (ValueError, RecursionError):
        raise Bad(say("not JSON", "pas du JSON"))
    check(entry)
    return entry


def is_number(value):
    return isinstance(value, int) and not isinstance(value, bool)


def check(entry):
    sound = (
        isinstance(entry, dict)
        and all(isinstance(entry.get(name), str) for name in TEXTS)
        and all(is_number(entry.get(name)) for name in NUMBERS)
        and isinstance(entry.get("args"), dict)
        and all(is_number(entry["args"].get(name, 0)) for name in ARGUMENTS)
        and isinstance(entry.get("err"), dict)
        and isinstance(entry.get("fingerprint", ""), str)
        and age(entry["ts"]) is not None
    )
    if not sound:
        raise Bad(say("members are missing", "des membres manquent"))


def age(ts):
    """Seconds since then; None when it is no time."""
    try:
        return max(0, int(time.time()) - calendar.timegm(time.strptime(ts[:19], "%Y-%m-%dT%H:%M:%S")))
    except ValueError:
        return None


# -- files


def rotated(path):
    """What logrotate made of the file, oldest first, then the file itself."""
    found = []
    for other in path.parent.glob(path.name + ".*"):
        place = re.fullmatch(r"\.(\d+)(\.gz)?", other.name[len(path.name):])
        if place:
            found.append((int(place[1]), other))
    return [other for _, other in sorted(found, reverse=True)] + [path]


def lines(path):
    """(number, bytes) of each line that was there when it was opened."""
    with (gzip.open(path) if path.name.endswith(".gz") else open(path, "rb")) as stream:
        left = None if path.name.endswith(".gz") else path.stat().st_size
        number = 0
        while line := stream.readline(LINE_MAX if left is None else min(left, LINE_MAX)):
            number += 1
            left = None if left is None else left - len(line)
            yield number, line


# -- doing


class Replay(Progress):
    def __init__(self, carts, apply):
        super().__init__()
        self.carts, self.apply = carts, apply
        self.lines = self.bad = self.unknown = self.rolled_back = 0
        self.results = dict.fromkeys(RESULTS, 0)
        self.verdicts = {}

    def text(self):
        parts = [
            count(self.lines, "line|lines", "ligne|lignes"),
            count(self.bad, "bad|bad", "mauvaise|mauvaises"),
            count(self.unknown, "unknown|unknown", "inconnue|inconnues"),
            count(self.rolled_back, "rolled back|rolled back", "annulée|annulées"),
        ]
        return ", ".join(parts + [f"{n} {name.replace('_', ' ')}" for name, n in self.results.items() if n])

    def read(self, files):
        """All sound lines; verdicts may stand after what they are about."""
        found = []
        for path in files:
            for number, raw in lines(path):
                self.lines += 1
                self.show()
                if not raw.strip():
                    continue
                try:
                    entry = parse(raw)
                except Bad as error:
                    self.blame(path, number, error)
                    continue
                if entry["err"].get("code") == "VERDICT":
                    self.verdicts[entry["op_id"], entry["fence"]] = entry["outcome"]
                elif entry["outcome"] in ("unknown", "rolled_back"):
                    found.append((path, number, entry))
        return found

    def blame(self, path, number, error):
        self.bad += 1
        self.clear()
        complain(f"{visible(str(path))}:{number}: {error}")

    def settle(self, path, number, entry):
        verdict = self.verdicts.get((entry["op_id"], entry["fence"]))
        record = entry["outcome"] == "unknown" and verdict is None
        if entry["outcome"] == "unknown":
            self.unknown += 1
        else:
            self.rolled_back += 1
        result, more = None, ""
        if record or self.apply:
            result, more = self.ask(entry, record)
        elif verdict:
            result = "done" if verdict == "repaired" else "not_done"
        if result:
            self.results[result] += 1
        self.clear()
        told = " ".join(f"{k}={v}" for k, v in entry["args"].items() if k in ARGUMENTS)
        words = (f"{path}:{number}:", entry["ts"], say("user", "utilisateur"), str(entry["user_id"]), entry["route"],
                 told, entry["outcome"], f"({entry['stage']})", "->" if result else "", result or "", more)
        print(visible(" ".join(word for word in words if word), 300))

    def ask(self, entry, record):
        body = {name: entry[name] for name in ("op_id", "crud", "route", *NUMBERS)}
        body.update((name, entry["args"][name]) for name in ARGUMENTS if name in entry["args"])
        if "fingerprint" in entry:
            body["fingerprint"] = entry["fingerprint"]
        got = post(self.carts, "replay", record=record, apply=self.apply, age_s=age(entry["ts"]), **body)
        return got["result"], got.get("code", "") or (f"version {got['version']}" if "version" in got else "")

    def summary(self):
        self.clear()
        print(say("{} in {:.1f} s.", "{} en {:.1f} s.").format(self.text(), self.seconds()))


def replay(config, arguments, chosen):
    path = pathlib.Path(arguments[0])
    work = Replay(Service(config, "carts"), "apply" in chosen)
    try:
        entries = work.read(rotated(path))
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise Failure(say("cannot read {}: {}", "impossible de lire {} : {}").format(visible(str(path)), why))
    for path, number, entry in entries:
        work.settle(path, number, entry)
    work.summary()
    return 1 if work.bad else 0


COMMANDS = [("cart replay", 1, ("apply",), replay, REPLAY_EN, REPLAY_FR)]
