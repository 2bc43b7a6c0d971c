"""hallectl cart replay: the journal of failed writes, learnt about and done again."""

import contextlib
import gzip
import json
import os
import pathlib
import re
import signal
import sys
import uuid

import pytest

import ctl
from harness import ROOT, data, eventually, private_instance, problem
from mirrors import mirror_store
from shoppers import stores_agree
from test_mirror import castagnoli

sys.path.insert(0, str(ROOT))
from hallectl import replay as tool  # noqa: E402


@pytest.fixture(scope="module")
def instance():
    with private_instance(HALLE_LIMITS="off") as made:
        yield made


@pytest.fixture(scope="module")
def admin(instance):
    return instance.admin()


@pytest.fixture
def journal(instance):
    """The shop's journal, empty."""
    path = instance.path("journal")
    path.unlink(missing_ok=True)
    for pid in instance.workers("carts"):
        os.kill(pid, signal.SIGHUP)
    return path


def replay(instance, path, *options, **how):
    return ctl.run(ctl.config_of(instance), "cart", "replay", str(path), *options, **how)


def summary(out):
    last = out.strip().splitlines()[-1]
    return {word: int(n) for n, word in re.findall(r"(\d+) ([a-z ]+?)(?:,| in )", last)}


class Outage:
    """with Outage(instance): the mirror is away."""

    def __init__(self, instance):
        self.instance = instance

    def __enter__(self):
        mirror_store(self.instance).take_away(signal.SIGKILL)

    def __exit__(self, *_):
        mirror_store(self.instance).give_back(signal.SIGKILL)
        eventually(lambda: self.instance.client().get("/cart/health").status_code == 200, 60)


def seal(entry):
    raw = json.dumps(entry, separators=(",", ":")).encode()[:-1]
    return raw + b',"crc32c":"' + castagnoli(raw).encode() + b'"}\n'


def entry(customer, product, **members):
    """A line as the journal has it."""
    return {
        "ts": "2099-01-01T00:00:00.000000Z", "seq": 1, "pid": 1, "req_id": "r", "op_id": str(uuid.uuid4()),
        "target": "MARIADB_CART", "crud": "POST ADD", "route": "POST /cart", "user_id": customer.user_id,
        "args": {"product_id": product["id"], "quantity": 2}, "base_version": customer.cart()["version"],
        "new_version": customer.cart()["version"] + 1, "stage": "p_commit", "fence": 10**9, "outcome": "rolled_back",
        "err": {"code": "DOWN", "msg": ""}, "attempt": 1, **members,
    }


def write(path, *entries):
    path.write_bytes(b"".join(e if isinstance(e, bytes) else seal(e) for e in entries))
    return path


def test_a_failed_write_is_listed_and_with_apply_done_once(instance, journal, customer, product):
    data(customer.add(product["id"], 1), 201)
    with Outage(instance):
        problem(customer.add(product["id"], 3, headers={"Idempotency-Key": "again"}), 503)
    code, out, err = replay(instance, journal)
    assert (code, err) == (0, ""), err
    assert f"user {customer.user_id} POST /cart product_id={product['id']} quantity=3 rolled_back (s_prepare)" in out
    assert customer.cart()["items"][0]["quantity"] == 1
    code, out, err = replay(instance, journal, "--apply")
    assert (code, err) == (0, "") and summary(out)["applied"] == 1
    now = customer.cart()
    assert now["items"][0]["quantity"] == 4
    code, out, _ = replay(instance, journal, "--apply")
    assert code == 0 and summary(out)["done"] == 1 and "applied" not in summary(out)
    assert customer.cart() == now
    # the client, who repeats it late, gets the answer of his own request
    answer = customer.add(product["id"], 3, headers={"Idempotency-Key": "again"})
    assert data(answer, 201) == now and answer.headers["Idempotent-Replayed"] == "true"
    assert customer.cart() == now
    stores_agree(instance)


def test_every_kind_of_write_can_be_done_again(instance, journal, customer, product):
    path, uid = f"/cart/items/{product['id']}", customer.user_id
    body = {"article_id": product["id"], "quantite": 5}
    kinds = [
        (lambda: customer.add(product["id"], 2), {2}),
        (lambda: customer.patch(path, {"quantity": 7}), {7}),
        (lambda: customer.patch(f"/paniers/add_to_cart/{uid}", body), {12}),
        (lambda: customer.patch(f"/paniers/edit_cart/{uid}", body), {5}),
        (lambda: customer.delete(path), set()),
        (lambda: customer.post("/cart/rollback", {"version": 3}), {7}),
        (lambda: customer.patch(path, {"quantity": 0}), set()),
        (lambda: customer.post("/cart/rollback", {"version": 3}), {7}),
        (lambda: customer.delete("/cart"), set()),
        (lambda: customer.delete(f"/paniers/delete_cart/{uid}"), None),
        (lambda: customer.post(f"/paniers/create_cart/{uid}"), set()),
    ]
    for write_it, wanted in kinds:
        journal.unlink(missing_ok=True)
        with Outage(instance):
            problem(write_it(), 503, "MIRROR_UNAVAILABLE")
        code, out, err = replay(instance, journal, "--apply")
        assert (code, err) == (0, "") and summary(out)["applied"] == 1, out
        answer = customer.get("/cart")
        if wanted is None:
            problem(answer, 404)
        else:
            assert {line["quantity"] for line in data(answer)["items"]} == wanted, out
    stores_agree(instance)


def test_a_cart_that_moved_on_is_left_alone(instance, journal, customer, product):
    with Outage(instance):
        problem(customer.add(product["id"], 3), 503)
    data(customer.add(product["id"], 1), 201)
    code, out, _ = replay(instance, journal, "--apply")
    assert code == 0 and summary(out)["moved"] == 1
    assert customer.cart()["items"][0]["quantity"] == 1


def test_what_cannot_be_made_any_more_is_refused(instance, tmp_path, customer, product):
    lines = [entry(customer, product, args={"product_id": product["id"], "quantity": 999}),
             entry(customer, product, args={"product_id": 2**53, "quantity": 1}),
             entry(customer, product, fence=0), entry(customer, product, crud="CREATE", route="user.created")]
    code, out, _ = replay(instance, write(tmp_path / "log", *lines), "--apply")
    found = summary(out)
    assert code == 0 and (found["refused"], found["baseless"], found["own"]) == (2, 1, 1), out
    assert "OUT_OF_STOCK" in out and "PRODUCT_NOT_FOUND" in out
    assert customer.cart()["items"] == []


def op_of(instance, customer):
    row = instance.rows("carts", "SELECT op_id, version, fence FROM cart_op WHERE user_id = %s ORDER BY version DESC"
                        " LIMIT 1", customer.user_id)[0]
    return {"op_id": str(uuid.UUID(bytes=row["op_id"])), "fence": row["fence"], "base_version": row["version"] - 1}


def test_an_unknown_outcome_is_learnt_and_the_verdict_appended_once(instance, journal, customer, product):
    data(customer.add(product["id"], 2), 201)
    made = entry(customer, product, outcome="unknown", **op_of(instance, customer))
    lost = entry(customer, product, outcome="unknown")
    write(journal, made, lost)
    code, out, err = replay(instance, journal)
    assert (code, err) == (0, "") and summary(out)["done"] == 1 and summary(out)["not done"] == 1
    verdicts = [line for line in instance.journal() if line["err"]["code"] == "VERDICT"]
    assert [(v["op_id"], v["outcome"], v["stage"]) for v in verdicts] == [
        (made["op_id"], "repaired", "s_promote"), (lost["op_id"], "rolled_back", "p_commit")]
    before = journal.read_bytes()
    code, out, err = replay(instance, journal)
    assert (code, err) == (0, "") and summary(out)["done"] == 1 and summary(out)["not done"] == 1
    assert journal.read_bytes() == before
    assert customer.cart()["items"][0]["quantity"] == 2
    code, out, err = replay(instance, journal, "--apply")
    assert summary(out)["applied"] == 1 and customer.cart()["items"][0]["quantity"] == 4
    assert journal.read_bytes() == before


def test_old_operations_are_not_judged(instance, tmp_path, customer, product):
    old = entry(customer, product, outcome="unknown", ts="2020-01-01T00:00:00.000000Z")
    code, out, _ = replay(instance, write(tmp_path / "log", old), "--apply")
    assert code == 0 and summary(out)["forgotten"] == 1 and customer.cart()["items"] == []


def test_a_journal_cut_at_every_byte_is_read_as_far_as_it_is_whole(tmp_path, customer, product):
    raw = seal(entry(customer, product))
    for n in range(len(raw) - 1):
        with pytest.raises(tool.Bad):
            tool.parse(raw[:n])
    for n in range(0, len(raw) - 1, 3):
        with pytest.raises(tool.Bad):
            tool.parse(raw[:n] + bytes([raw[n] ^ 1]) + raw[n + 1:])
    assert tool.parse(raw)["user_id"] == tool.parse(raw[:-1])["user_id"] == customer.user_id


def test_bad_lines_are_told_by_number_and_the_others_used(instance, tmp_path, customer, product):
    sound = entry(customer, product)
    torn, wrong = seal(sound)[:50] + b"\n", seal(sound).replace(b"user_id", b"user_ie")
    forged = seal({**sound, "user_id": "1; DROP"})
    log = write(tmp_path / "log", torn, sound, b"\n", wrong, b"\xff\n", forged, seal(sound)[:-9])
    code, out, err = replay(instance, log, "--apply")
    assert code == 1 and [line.split(":")[1] for line in err.splitlines()] == ["1", "4", "5", "6", "7"]
    assert summary(out)["bad"] == 5 and summary(out)["applied"] == 1
    assert replay(instance, log, "--apply")[0] == 1
    assert customer.cart()["items"][0]["quantity"] == 2


def test_rotated_files_are_read_too_the_oldest_first(instance, tmp_path, customer, product):
    base = customer.cart()["version"]
    entries = [entry(customer, product, base_version=base + n) for n in range(3)]
    (tmp_path / "log.2.gz").write_bytes(gzip.compress(seal(entries[0])))
    write(tmp_path / "log.1", entries[1])
    write(tmp_path / "log.other", entries[0])
    write(tmp_path / "log", entries[2])
    code, out, err = replay(instance, tmp_path / "log", "--apply")
    assert (code, err) == (0, "") and summary(out)["applied"] == 3, out
    assert customer.cart()["items"][0]["quantity"] == 6


@pytest.mark.parametrize("name, content", [("log.1.gz", b"no gzip"), (None, None)])
def test_a_file_that_cannot_be_read_is_told(instance, tmp_path, name, content):
    if name:
        (tmp_path / name).write_bytes(content)
        (tmp_path / "log").write_bytes(b"")
    code, out, err = replay(instance, tmp_path / "log")
    assert code == 1 and err.startswith("hallectl: cannot read") and "Traceback" not in err
    _, _, french = replay(instance, tmp_path / "log", language="fr_FR.UTF-8")
    assert french.startswith("hallectl: impossible de lire")


# -- the journal itself


def test_a_journal_that_cannot_be_written_changes_no_answer(instance, journal, customer, product):
    journal.mkdir()
    errors = instance.metric("halle_journal_errors_total", "carts")
    before = customer.cart()
    try:
        with Outage(instance):
            problem(customer.add(product["id"], 3), 503, "MIRROR_UNAVAILABLE")
    finally:
        journal.rmdir()
    assert instance.metric("halle_journal_errors_total", "carts") == errors + 1
    assert customer.cart() == before
    assert b'"event":"journal.failed"' in (instance.var / "log/carts.log").read_bytes()


def link(fd):
    with contextlib.suppress(FileNotFoundError):  # it was closed meanwhile
        return str(fd.readlink())


def holds(pid, path):
    return any(str(path) == link(fd) for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir())


def test_after_a_rotation_a_hangup_lets_go_of_the_old_file(instance, journal, customer, product):
    with Outage(instance):
        for _ in range(20):
            problem(customer.add(product["id"], 3), 503)
    moved = journal.rename(journal.with_name(journal.name + ".1"))
    holders = [pid for pid in instance.workers("carts") if holds(pid, moved)]
    assert holders
    for pid in holders:
        os.kill(pid, signal.SIGHUP)
    eventually(lambda: not any(holds(pid, moved) for pid in holders))
    with Outage(instance):
        problem(customer.add(product["id"], 3), 503)
    assert len(instance.journal()) == 1
    moved.unlink()
    assert instance.workers("carts")
