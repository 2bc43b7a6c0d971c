"""The scripts of the mirror as workers send them, from the source."""

import hashlib
import re
import subprocess

from harness import ROOT


def script(name):
    source = f'#include "mirror_lua.h"\nLUA_{name}'
    text = subprocess.run(["cpp", "-P", f"-I{ROOT}/fcgi/carts", "-"], input=source, check=True,
                          capture_output=True, text=True).stdout
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', text)).replace("\\n", "\n")


def sha(text):
    return hashlib.sha1(text.encode()).hexdigest().encode()


PREPARE, PROMOTE = sha(script("PREPARE")), sha(script("PROMOTE"))
