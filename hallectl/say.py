"""What hallectl says, in English or French, and how it fails."""

import os
import sys


def speaks_french(environ):
    """By the first of LC_ALL, LC_MESSAGES and LANG that is set, as POSIX has it."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if environ.get(name):
            return environ[name].lower().startswith("fr")
    return False


FRENCH = speaks_french(os.environ)


def say(english, french):
    return french if FRENCH else english


def count(number, english, french):
    """3 lines: the words are "singular|plural"; French has 0 in the singular."""
    one = number < 2 if FRENCH else number == 1
    singular, plural = say(english, french).split("|")
    return f"{number} {singular if one else plural}"


def visible(text, most=80):
    """Foreign text for a terminal: one line, nothing that acts on it, not too long."""
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[:most])
    return shown + ("…" if len(text) > most else "")


def complain(text):
    print(text, file=sys.stderr, flush=True)


class Failure(Exception):
    """The command did not do what it should: said on one line or more, exit status 1."""


class Usage(Exception):
    """The command line is wrong: exit status 2."""
