"""failed_cart_requests.log, as a crash may leave it, read by hallectl: every whole line is
read, and what is not one is skipped and counted."""

import json
import sys

import pytest

from harness import ROOT
from stores import castagnoli

sys.path.insert(0, str(ROOT))
from hallectl.replay import Replay  # noqa: E402


def line(number):
    entry = {
        "ts": "2026-01-02T03:04:05.000006Z", "seq": number, "pid": 7, "req_id": f"r{number}",
        "op_id": f"00000000-0000-0000-0000-{number:012d}", "target": "MIRROR_CART", "crud": "POST ADD",
        "route": "POST /cart", "user_id": 5, "args": {"product_id": 3, "quantity": 2}, "base_version": number,
        "new_version": number + 1, "stage": "s_prepare", "fence": 90 + number, "outcome": "rolled_back",
        "err": {"code": "DOWN", "msg": "é\n\"no answer\""}, "attempt": 1,
    }
    text = json.dumps(entry, separators=(",", ":"))[:-1].encode()
    return text + f',"crc32c":"{castagnoli(text)}"}}\n'.encode()


LINES = [line(number) for number in range(3)]
WHOLE = b"".join(LINES)


def read(path, raw):
    """Sequence numbers of the lines that were believed, and how many were not."""
    path.write_bytes(raw)
    replay = Replay(None, False)
    found = replay.read([path])
    return [entry["seq"] for _, _, entry in found], replay.bad


@pytest.fixture
def path(tmp_path):
    return tmp_path / "failed_cart_requests.log"


def test_a_journal_cut_at_every_byte(path, capsys):
    for size in range(len(WHOLE) + 1):
        ends = [len(b"".join(LINES[: n + 1])) for n in range(len(LINES))]
        # a line that lacks nothing but its newline is whole
        whole = sum(size >= end - 1 for end in ends)
        rest = 0 < size - (ends[whole - 1] if whole else 0)
        assert read(path, WHOLE[:size]) == (list(range(whole)), int(rest)), size
        assert (f":{whole + 1}: " in capsys.readouterr().err) == rest


def test_a_line_after_a_cut_one_is_read(path):
    """The service ends a torn line before it writes the next one."""
    for size in range(1, len(LINES[0]) - 1):
        assert read(path, LINES[0][:size] + b"\n" + LINES[1]) == ([1], 1), size


def test_every_changed_byte_is_noticed(path):
    for place in range(len(LINES[1]) - 1):
        changed = bytearray(LINES[1])
        changed[place] ^= 0x01
        believed, bad = read(path, LINES[0] + bytes(changed) + LINES[2])
        assert believed == [0, 2] and bad >= 1, place
