"""The command line: which command, its options, its help, its exit status."""

import contextlib
import getopt
import os
import signal
import sys
from typing import Callable, NamedTuple

from . import audit, carts, imports, keys, replay
from .config import Config
from .say import FRENCH, Failure, Usage, complain, say


class Command(NamedTuple):
    words: str  # "keys rotate next"
    arguments: int  # exactly so many after the words
    options: tuple  # as getopt names them: "force", "alg="
    run: Callable  # (config, arguments, {option: value}) -> exit status
    english: str
    french: str


COMMANDS = [Command(*row) for module in (carts, replay, audit, imports, keys) for row in module.COMMANDS]

OVERVIEW_EN = """\
usage: hallectl [--config FILE] COMMAND [OPTION]... [ARGUMENT]

For the operator of a halle shop, on the machine where it runs, as root.

commands:
{commands}

  --config FILE   the shop's configuration (here: {config})
  --help          this text; after a command, what the command does

Exit status: 0 everything done, 1 not everything (told why), 2 wrong usage.
Messages are in French where LANG or LC_MESSAGES says so.
"""
OVERVIEW_FR = """\
usage : hallectl [--config FICHIER] COMMANDE [OPTION]... [ARGUMENT]

Pour qui exploite une boutique halle, sur sa machine, en root.

commandes :
{commands}

  --config FICHIER   la configuration de la boutique (ici : {config})
  --help             ce texte ; après une commande, ce que fait celle-ci

Code de retour : 0 tout est fait, 1 pas tout (la raison est dite), 2 mauvais usage.
"""


def text_of(command):
    return command.french if FRENCH else command.english


def synopsis(command):
    """The first line of a command's help."""
    return text_of(command).split("\n")[0]


def overview(config):
    lines = "\n".join("  " + synopsis(command) for command in COMMANDS)
    return say(OVERVIEW_EN, OVERVIEW_FR).format(commands=lines, config=config)


def find(words):
    """The command that the words begin with, and what is left of them."""
    for command in COMMANDS:
        names = command.words.split()
        if words[: len(names)] == names:
            return command, words[len(names):]
    raise Usage(say("There is no command “{}”.", "Il n'y a pas de commande « {} ».").format(" ".join(words)))


def options_of(arguments, longs, stop):
    """getopt's pairs and the rest; stop: at the first word that is no option."""
    parse = getopt.getopt if stop else getopt.gnu_getopt
    try:
        pairs, rest = parse(arguments, "h", [*longs, "help", "config="])
    except getopt.GetoptError as error:
        if "argument" in error.msg:
            raise Usage(say("Option --{}: wrong use of its value.", "Option --{} : valeur mal donnée.").format(error.opt))
        raise Usage(say("There is no option “{}”.", "Il n'y a pas d'option « {} ».").format(error.opt))
    chosen = {name.lstrip("-"): value for name, value in pairs}
    if "h" in chosen:
        chosen["help"] = chosen.pop("h")
    return chosen, rest


def run(arguments, config):
    general, words = options_of(arguments, [], stop=True)
    config = general.get("config", config)
    if "help" in general or words == ["help"]:
        print(overview(config), end="")
        return 0
    if not words:
        raise Usage(say("Which command?", "Quelle commande ?"))
    plain = [word for word in words if not word.startswith("-") or word == "-"]
    command, _ = find(plain)
    names = len(command.words.split())
    if words[:names] != command.words.split():
        raise Usage(say("Options stand after the command.", "Les options viennent après la commande."))
    chosen, rest = options_of(words[names:], command.options, stop=False)
    if "help" in chosen:
        print(say("usage: hallectl ", "usage : hallectl ") + text_of(command), end="")
        return 0
    if len(rest) != command.arguments:
        raise Usage(say("usage: hallectl ", "usage : hallectl ") + synopsis(command))
    return command.run(Config(chosen.pop("config", config)), rest, chosen)


def main(config, arguments=None):
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace", line_buffering=True)
    try:
        return run(sys.argv[1:] if arguments is None else arguments, config)
    except Usage as error:
        complain(f"hallectl: {error}")
        complain(say("See hallectl --help.", "Voyez hallectl --help."))
        return 2
    except Failure as error:
        complain(f"hallectl: {error}")
        return 1
    except BrokenPipeError:
        with contextlib.suppress(OSError):  # Python flushes again as it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        complain(say("hallectl: Interrupted.", "hallectl: Interrompu."))
        return 1
