"""hallectl import: accounts of another shop, from JSON lines, through auth."""

import contextlib
import json
import os
import signal
import sys

from .internal import Service
from .progress import Progress
from .say import Failure, complain, count, say, visible

HELP_EN = """\
import users FILE|-

Makes an account of every line of FILE (-: standard input), with profile and cart. Each line
is a JSON object:

  username, email   as registration takes them
  password_hash     argon2id, or Werkzeug's "scrypt:32768:8:1$…" or "pbkdf2:sha256:…$…"; may be
                    called password. It is hashed anew at the next login. Passwords themselves
                    are refused
  role              customer (default) or admin
  first_name, last_name, phone, address
                    optional; null and "" mean none

"id" is ignored, halle gives its own; other members are ignored and named at the end. A line
whose name and address both belong to one account is "already there" and changes nothing, so
the same file may be imported again, also after an interruption (Ctrl-C) and while the shop is
open. Bad lines are told with number, member and reason on standard error; the others are
imported. A line has at most 64 KiB. Exit status 1 when a line was bad.

  hallectl import users users.jsonl 2>bad-lines.txt
  sqlite3 users.db "SELECT json_object('username', username, 'email', email,
      'password_hash', password) FROM users" | hallectl import users -
"""
HELP_FR = """\
import users FICHIER|-

Fait un compte de chaque ligne de FICHIER (- : l'entrée standard), avec profil et panier.
Chaque ligne est un objet JSON :

  username, email   comme à l'inscription
  password_hash     argon2id, ou de Werkzeug « scrypt:32768:8:1$… » ou « pbkdf2:sha256:…$… » ;
                    peut s'appeler password. Il est refait à la prochaine connexion. Les mots
                    de passe eux-mêmes sont refusés
  role              customer (par défaut) ou admin
  first_name, last_name, phone, address
                    facultatifs ; null et "" : aucun

« id » est ignoré, halle donne le sien ; d'autres membres sont ignorés et nommés à la fin. Une
ligne dont le nom et l'adresse sont ceux d'un même compte est « déjà là » et ne change rien :
le même fichier peut être importé de nouveau, aussi après une interruption (Ctrl-C) et
boutique ouverte. Les mauvaises lignes sont dites avec numéro, membre et raison sur la sortie
d'erreur ; les autres sont importées. Une ligne a au plus 64 Kio. Code de retour 1 s'il y eut
une mauvaise ligne.

  hallectl import users users.jsonl 2>mauvaises-lignes.txt
  sqlite3 users.db "SELECT json_object('username', username, 'email', email,
      'password_hash', password) FROM users" | hallectl import users -
"""

LINE_MAX = 64 << 10
BATCH_LINES = 100
BATCH_BYTES = 256 << 10  # auth takes 512 KiB
REQUIRED = ("username", "email", "password_hash")
OPTIONAL = ("role", "first_name", "last_name", "phone", "address")
ALIASES = {"password": "password_hash"}
IGNORED_NAMES = 20  # so many are told apart


class Bad(Exception):
    """A line that is no account: reason and, when one is to blame, the member."""

    def __init__(self, reason, member=None):
        super().__init__(reason)
        self.member = member


# -- lines


def lines(stream):
    """Every line's bytes; None for one that is too long, which is skipped in pieces."""
    while line := stream.readline(LINE_MAX + 1):
        if len(line) <= LINE_MAX or line.endswith(b"\n"):
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = stream.readline(LINE_MAX)
        yield None


def once(pairs):
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Bad(say("a member stands twice", "un membre y est deux fois"))
    return found


def no_number(text):
    raise ValueError(text)


def parse_object(line):
    if line is None:
        raise Bad(say("longer than 64 KiB", "plus de 64 Kio"))
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Bad(say("not UTF-8 (byte {})", "pas de l'UTF-8 (octet {})").format(error.start + 1))
    if text.lstrip().startswith("["):
        raise Bad(say("not one object per line (of an array they come by: jq -c '.[]')",
                      "pas un objet par ligne (on les tire d'un tableau par : jq -c '.[]')"))
    try:
        # numbers are never used, however large
        found = json.loads(text, object_pairs_hook=once, parse_int=float, parse_constant=no_number)
    except (ValueError, RecursionError):
        raise Bad(say("not JSON", "pas du JSON"))
    if not isinstance(found, dict):
        raise Bad(say("not a JSON object", "pas un objet JSON"))
    return found


def check_text(value, member):
    if not isinstance(value, str):
        raise Bad(say("It must be a text.", "Ce doit être un texte."), member)
    if "\0" in value:
        raise Bad(say("It holds a NUL.", "Il contient un NUL."), member)
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise Bad(say("It is not valid Unicode.", "Ce n'est pas de l'Unicode valide."), member)


class Line:
    """A line as an account: what auth is sent, and how the line itself names things."""

    def __init__(self, number, raw):
        self.number = number
        self.entry, self.names, self.ignored = {}, {}, []
        for name, value in parse_object(raw).items():
            self.take(name, value)

    def take(self, name, value):
        member = ALIASES.get(name, name)
        if member not in REQUIRED + OPTIONAL:
            if name != "id":
                self.ignored.append(name)
            return
        if value is None or value == "" and member in OPTIONAL:
            return
        check_text(value, name)
        if member in self.entry:
            raise Bad(say("Give password_hash or password, not both.",
                          "Donnez password_hash ou password, pas les deux."), name)
        self.entry[member] = value
        self.names[member] = name


# -- telling


class Count(Progress):
    """Standard error has the bad lines alone."""

    def __init__(self, stream):
        super().__init__()
        self.lines = self.created = self.exists = self.bad = 0
        self.ignored = {}
        self.stream, self.size = stream, 0
        with contextlib.suppress(OSError, ValueError):
            self.size = os.fstat(stream.fileno()).st_size if stream.seekable() else 0

    def counts(self):
        return ", ".join([
            count(self.lines, "line|lines", "ligne|lignes"),
            count(self.created, "imported|imported", "importée|importées"),
            count(self.exists, "already there|already there", "déjà là|déjà là"),
            count(self.bad, "bad|bad", "mauvaise|mauvaises"),
        ])

    def text(self):
        part = f"{100 * self.stream.tell() // self.size} %, " if self.size else ""
        return part + self.counts()

    def blame(self, source, number, reason, member=None):
        self.bad += 1
        self.clear()
        complain(f"{source}:{number}: " + (f"{member}: " if member else "") + reason)

    def note_ignored(self, names):
        for name in names:
            if name not in self.ignored and len(self.ignored) >= IGNORED_NAMES:
                name = "…"
            self.ignored[name] = self.ignored.get(name, 0) + 1

    def summary(self):
        self.clear()
        print(say("{} in {:.1f} s.", "{} en {:.1f} s.").format(self.counts(), self.seconds()))
        if self.ignored:
            told = ", ".join(f"{visible(name)} ({n})" for name, n in self.ignored.items())
            print(say("Ignored members: {}.", "Membres ignorés : {}.").format(told))
        sys.stdout.flush()


# -- doing


class Import:
    def __init__(self, config, stream, source):
        self.stream, self.source = stream, source
        self.progress = Count(stream)
        self.pending, self.pending_bytes = [], 0
        self.settled = 0  # lines up to this one are done with
        self.sending = self.stopping = False
        self.auth = Service(config, "auth", give_up=lambda: self.stopping)

    def interrupt(self, *_):
        """While a batch is under way its answer is awaited, so that the counts are true."""
        if not self.sending or self.stopping:
            raise KeyboardInterrupt
        self.stopping = True

    def run(self):
        for number, raw in enumerate(lines(self.stream), 1):
            if number == 1 and raw:
                raw = raw.removeprefix(b"\xef\xbb\xbf")
            self.take(number, raw)
            self.progress.show()
        self.flush(self.progress.lines)

    def take(self, number, raw):
        self.progress.lines = number
        if raw is not None and not raw.strip():
            return
        try:
            line = Line(number, raw)
        except Bad as error:
            self.progress.blame(self.source, number, str(error), error.member)
            return
        text = json.dumps(line.entry, ensure_ascii=False).encode()
        if self.pending_bytes + len(text) > BATCH_BYTES:
            self.flush(number - 1)
        self.pending.append((line, text))
        self.pending_bytes += len(text) + 1
        if len(self.pending) == BATCH_LINES:
            self.flush(number)

    def flush(self, last):
        batch, self.pending, self.pending_bytes = self.pending, [], 0
        if batch:
            self.sending = True
            body = b'{"entries":[' + b",".join(text for _, text in batch) + b"]}"
            outcomes = self.auth.post("/internal/auth/import", body)
            for (line, _), outcome in zip(batch, outcomes):
                self.settle(line, outcome)
            self.sending = False
        self.settled = last
        if self.stopping:
            raise KeyboardInterrupt

    def settle(self, line, outcome):
        self.progress.note_ignored(line.ignored)
        if outcome["result"] == "created":
            self.progress.created += 1
        elif outcome["result"] == "exists":
            self.progress.exists += 1
        else:
            fault = outcome["errors"][0]
            member = fault["pointer"].removeprefix("#/")
            self.progress.blame(self.source, line.number, fault["detail"], line.names.get(member, member))


def open_source(path):
    if path == "-":
        return sys.stdin.buffer
    try:
        return open(path, "rb")
    except OSError as error:
        raise Failure(say("cannot read {}: {}", "impossible de lire {} : {}").format(path, error.strerror))


def how_far(settled):
    if settled == 0:
        return say("No line is imported.", "Aucune ligne n'est importée.")
    return say("Lines 1 to {} are done with. Run the same command again: what is there is skipped.",
               "Les lignes 1 à {} sont faites. Relancez la même commande : ce qui est là est passé.").format(settled)


def break_off(work, reason):
    work.progress.summary()
    return Failure(f"{reason} {how_far(work.settled)}")


def import_users(config, arguments, _):
    with open_source(arguments[0]) as stream:
        work = Import(config, stream, visible(arguments[0]))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, work.interrupt)
        try:
            work.run()
        except KeyboardInterrupt:
            raise break_off(work, say("Interrupted.", "Interrompu."))
        except Failure as error:
            raise break_off(work, error)
        except OSError as error:
            raise break_off(work, say("{}: reading broke off ({}).", "{} : lecture interrompue ({}).").format(
                work.source, error.strerror))
    work.progress.summary()
    return 1 if work.progress.bad else 0


COMMANDS = [("import users", 1, (), import_users, HELP_EN, HELP_FR)]
