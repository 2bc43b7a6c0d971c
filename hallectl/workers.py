"""The shop's worker processes: units of systemd, or what HALLECTL_RESTART restarts."""

import os
import shlex
import subprocess
import time

from .say import Failure, say

RESTART_S = 120  # a worker drains for 20 s at most


def systemctl(*arguments):
    """Its output; None when there is no systemd or it refuses."""
    try:
        done = subprocess.run(["systemctl", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, timeout=RESTART_S, text=True, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def units():
    """halle-auth@1.service and so on."""
    listed = systemctl("list-units", "--plain", "--no-legend", "--full", "halle-*@*.service") or ""
    return sorted(line.split()[0] for line in listed.splitlines() if line.strip())


def started_before(moment):
    """Units whose process is older than this time since the epoch."""
    offset = time.time() - time.clock_gettime(time.CLOCK_MONOTONIC)
    late = []
    for unit in units():
        shown = systemctl("show", "-p", "ExecMainStartTimestampMonotonic", "--value", unit)
        if shown and shown.strip().isdigit() and int(shown) / 1e6 + offset < moment:
            late.append(unit)
    return late


def restart_units(found):
    for unit in found:
        done = systemctl("restart", unit) is not None
        if not done or (systemctl("is-active", unit) or "").strip() != "active":
            raise Failure(say(
                "{0} did not come up again; the workers after it still run with the keys they had."
                " See why: journalctl -n 20 -u {0}",
                "{0} n'a pas redémarré ; les processus suivants gardent les clés d'avant."
                " Voyez pourquoi : journalctl -n 20 -u {0}").format(unit))
        print(say("  restarted {}", "  redémarré : {}").format(unit), flush=True)


def restart():
    """One by one, each when the one before is ready. False when nobody knows how."""
    own = os.environ.get("HALLECTL_RESTART")
    if own:
        done = subprocess.run(shlex.split(own), stdin=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise Failure(say("The workers were not all restarted: {} ended with {}.",
                              "Les processus n'ont pas tous redémarré : {} a fini par {}.").format(own, done.returncode))
        return True
    found = units()
    restart_units(found)
    return bool(found)
