"""The shop's configuration, as far as hallectl needs it: see fcgi/lib/cfg.h for its form."""

import os
import pathlib
import re

from .say import Failure, say

# as in fcgi/lib/cfg.def; a test holds them equal
DEFAULTS = {
    "internal_socket": "/run/halle/internal/nginx.sock",
    "jwt_keys_file": "jwt.keys",
    "jwt_private_file": "",
    "service_keys_file": "service.keys",
    "token_issuer": "halle",
    "access_ttl_s": "3600",
}
SERVICE = "auth"  # whose own lines win: its keys are the ones that sign


def read(path):
    """The file's text; a sentence when it cannot be had."""
    try:
        return pathlib.Path(path).read_text(encoding="utf-8")
    except PermissionError:
        raise Failure(say("{}: not readable for this user; run hallectl as root.",
                          "{} : illisible pour cet utilisateur ; lancez hallectl en root.").format(path))
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or say("not a text file", "pas un fichier de texte")
        raise Failure(say("cannot read {}: {}", "impossible de lire {} : {}").format(path, why))


def lines_of(text):
    """(name, value) of each "key = value" line without its comment."""
    for line in text.split("\n"):
        name, equals, value = re.sub(r"(^|[ \t\r])#.*", "", line).partition("=")
        if equals:
            yield name.strip(), value.strip()


class Config:
    def __init__(self, path):
        self.file = pathlib.Path(path).absolute()
        given = dict(lines_of(read(self.file)))
        self.values = {k: given.get(f"{SERVICE}.{k}", given.get(k, v)) for k, v in DEFAULTS.items()}

    def __getitem__(self, key):
        return self.values[key]

    def seconds(self, key):
        try:
            return int(self.values[key])
        except ValueError:
            raise Failure(say("{}: {} must be a number", "{} : {} doit être un nombre").format(self.file, key))

    def path(self, key):
        """Relative to the configuration's folder; None when empty."""
        return self.file.parent / self.values[key] if self.values[key] else None

    def secret(self, key):
        """As path; but systemd hands relative secrets out of the folder "secrets", and to a unit
        in a folder of its own."""
        beside = self.path(key)
        given = pathlib.Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nonexistent")) / self.values[key]
        if beside is not None and given.is_file():
            return given
        kept = self.file.parent / "secrets"
        if beside is None or beside.exists() or not kept.is_dir():
            return beside
        return kept / self.values[key]
