"""The route tables, as the built workers print them."""

import os
import pathlib
import subprocess
from typing import NamedTuple

from harness import ROOT, SERVICES


class Route(NamedTuple):
    service: str
    method: str
    path: str
    role: str

    def __str__(self):
        return f"{self.method} {self.path}"


def of_all_workers():
    build = pathlib.Path(os.environ.get("HALLE_BUILD") or ROOT / "build")
    found = []
    for service in SERVICES:
        printed = subprocess.run(
            [build / f"halle-{service}", "--routes"], check=True, stdout=subprocess.PIPE, text=True, timeout=20
        ).stdout
        found += [Route(service, *line.split()) for line in printed.splitlines()]
    return found
