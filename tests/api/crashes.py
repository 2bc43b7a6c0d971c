"""The crash points of test builds (fcgi/lib/crash.h), armed and seen to fire."""

import os
import re

from harness import ROOT

WORDS = ("abort", "delay", "error")


def build():
    return os.environ.get("HALLE_BUILD", str(ROOT / "build"))


def compiled():
    """Whether the build has crash points."""
    with open(f"{build()}/config.h", encoding="utf-8") as config:
        return re.search(r"^#define CRASH_POINTS 1", config.read(), re.M) is not None


def points(folder=""):
    """Their names, from the sources in a folder of fcgi."""
    found = named_in(ROOT / "fcgi")
    assert len(found) == len(set(found)), "two crash points have one name"
    return named_in(ROOT / "fcgi" / folder)


def named_in(folder):
    found = []
    for path in sorted(folder.rglob("*.c")):
        found += re.findall(r'CRASH_POINT\("([a-z_]+)"\)', path.read_text())
    return found


class Crashes:
    def __init__(self, folder):
        self.folder = folder

    def arm(self, point, word):
        """For one passage. Moved into its place, so that nobody reads it half written."""
        self.fired_path(point).unlink(missing_ok=True)
        ready = self.folder / "ready"
        ready.write_text(word)
        ready.rename(self.folder / point)

    def fired_path(self, point):
        return self.folder / f"{point}.fired"

    def fired(self, point):
        return self.fired_path(point).exists()

    def disarm(self, point):
        (self.folder / point).unlink(missing_ok=True)
