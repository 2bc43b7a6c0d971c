"""hallectl keys: the keys that sign are exchanged step by step, without a key being seen."""

import base64
import os
import re
import stat
import subprocess
import threading
import time

import pytest

import ctl
from forge import keys_of
from harness import PASSWORD, PATIENT, ROOT, data, in_threads, private_instance

OLD = "20200101 " + "0123456789abcdef" * 4
FOREIGN = "a3f49c00 " + "fedcba9876543210" * 4


class Files:
    """A configuration and key files in a folder of their own; nothing runs."""

    def __init__(self, folder, keys=OLD, more=""):
        self.folder = folder
        self.conf, self.keys, self.private = folder / "halle.conf", folder / "jwt.keys", folder / "jwt.private"
        self.conf.write_text("auth.jwt_private_file = jwt.private\n" + more)
        self.write(self.keys, keys + "\n")
        self.write(folder / "service.keys", FOREIGN + "\n")

    def write(self, path, text, mode=0o640):
        path.write_text(text)
        path.chmod(mode)

    def run(self, *arguments, restart="true", **how):
        more = {"HALLECTL_RESTART": restart} if restart else {}
        code, out, err = ctl.run(self.conf, *arguments, **more, **how)
        for key in self.secrets():
            assert key not in out + err
        return code, out, err

    def do(self, *arguments, **how):
        code, out, err = self.run(*arguments, **how)
        assert (code, err) == (0, ""), err
        return out

    def refused(self, *arguments, **how):
        before = self.contents()
        code, out, err = self.run(*arguments, **how)
        assert code == 1 and err.startswith("hallectl: ") and "Traceback" not in err
        assert self.contents() == before
        return err

    def contents(self):
        return {path.name: path.read_bytes() for path in self.folder.iterdir() if path.is_file()}

    def secrets(self):
        texts = (path.read_text() for path in self.folder.glob("*.[kp]*") if path.suffix in (".keys", ".private"))
        return [word for text in texts for word in text.split() if len(word) > 30]

    def lines(self, path=None):
        return [line for line in (path or self.keys).read_text().splitlines() if not line.startswith("#")]

    def kids(self, path=None):
        return [line.split()[0] for line in self.lines(path)]

    def age(self, seconds):
        then = time.time() - seconds
        os.utime(self.keys, (then, then))


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


@pytest.mark.parametrize("keys", [OLD, FOREIGN])
def test_a_rotation_has_three_steps_in_one_order(tmp_path, keys):
    files = Files(tmp_path, keys)
    assert "keys rotate next" in files.refused("keys", "rotate", "activate")
    assert "one key only" in files.refused("keys", "rotate", "retire")
    files.do("keys", "rotate", "next")
    old, new = files.kids()
    assert old == keys.split()[0] and re.fullmatch(r"\d{8}T\d{6}", new)
    assert re.fullmatch(r"[0-9a-f]{64}", files.lines()[1].split()[1])

    assert "keys rotate activate" in files.refused("keys", "rotate", "next")
    assert "keys rotate activate" in files.refused("keys", "rotate", "retire")
    second = files.lines()[1]
    files.do("keys", "rotate", "activate")
    assert files.lines() == [second, keys]

    assert "keys rotate retire" in files.refused("keys", "rotate", "next")
    assert "keys rotate retire" in files.refused("keys", "rotate", "activate")
    assert "may live until" in files.refused("keys", "rotate", "retire")
    files.age(3590)
    assert "may live until" in files.refused("keys", "rotate", "retire")
    files.age(3610)
    files.do("keys", "rotate", "retire")
    assert files.lines() == [second]
    files.do("keys", "rotate", "next")
    assert len(set(files.kids())) == 2 and files.kids()[0] == new


def test_force_takes_a_step_back_or_too_early(files):
    files.do("keys", "rotate", "next")
    files.do("keys", "rotate", "retire", "--force")
    assert files.lines() == [OLD]
    files.do("keys", "rotate", "next")
    files.do("keys", "rotate", "activate")
    files.do("keys", "rotate", "activate", "--force")
    assert files.lines()[0] == OLD
    files.do("keys", "rotate", "activate")
    files.do("keys", "rotate", "retire", "--force")
    assert OLD not in files.lines() and len(files.lines()) == 1


def test_the_wait_is_that_of_the_configuration(tmp_path):
    files = Files(tmp_path, more="access_ttl_s = 7200\nauth.access_ttl_s = 60 # of halle-auth\n")
    files.do("keys", "rotate", "next")
    files.do("keys", "rotate", "activate")
    assert "may live until" in files.refused("keys", "rotate", "retire")
    files.age(70)
    files.do("keys", "rotate", "retire")


def test_the_wait_begins_when_the_last_worker_has_restarted(files):
    files.do("keys", "rotate", "next")
    script = files.folder / "restart"
    script.write_text(f"#!/bin/sh\ntouch -d '1 hour ago' {files.keys}\n")
    script.chmod(0o755)
    began = time.time()
    files.do("keys", "rotate", "activate", restart=str(script))
    assert files.keys.stat().st_mtime >= began - 1


def test_the_services_keys_rotate_apart(files):
    files.do("keys", "rotate", "next", "--service")
    path = files.folder / "service.keys"
    assert files.lines() == [OLD] and len(files.kids(path)) == 2
    files.do("keys", "rotate", "activate", "--service")
    assert "may live until" in files.refused("keys", "rotate", "retire", "--service")
    os.utime(path, (time.time() - 70,) * 2)
    files.do("keys", "rotate", "retire", "--service")
    assert FOREIGN not in files.lines(path)


@pytest.mark.parametrize("clock", ["2099", "1999"])
def test_a_new_kid_is_later_than_the_old_one_whatever_the_clock_said(tmp_path, clock):
    files = Files(tmp_path, f"{clock}0101T000000 " + "ab12" * 16)
    files.do("keys", "rotate", "next")
    assert files.kids()[1] > files.kids()[0]
    assert "signs already" not in files.do("keys", "rotate", "activate")


def test_owner_and_mode_stay_and_a_link_stays_a_link(files):
    real = files.folder / "elsewhere.keys"
    files.keys.rename(real)
    files.keys.symlink_to(real)
    real.chmod(0o440)
    if os.getuid() == 0:
        os.chown(real, 65534, 65534)
    before = real.stat()
    files.do("keys", "rotate", "next")
    after = real.stat()
    assert files.keys.is_symlink() and len(files.lines()) == 2
    assert stat.S_IMODE(after.st_mode) == 0o440
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    assert not [p for p in files.folder.iterdir() if p.name.endswith(".new")]


def test_what_a_killed_one_left_behind_is_no_obstacle(files):
    (files.folder / "jwt.keys.new").write_text("half a k")
    files.do("keys", "rotate", "next")
    assert len(files.lines()) == 2 and not (files.folder / "jwt.keys.new").exists()


def test_two_at_once_do_not_step_on_each_other(files):
    slow = files.folder / "slow"
    slow.write_text("#!/bin/sh\ntouch restarting\nuntil [ -e go ]; do sleep 0.02; done\n")
    slow.chmod(0o755)
    first = threading.Thread(target=files.do, args=("keys", "rotate", "next"),
                             kwargs={"restart": f"sh -c 'cd {files.folder} && ./slow'"})
    first.start()
    while not (files.folder / "restarting").exists():
        time.sleep(0.02)
    try:
        assert "Another hallectl" in files.refused("keys", "rotate", "activate")
    finally:
        (files.folder / "go").touch()
        first.join()
    files.do("keys", "rotate", "activate")


@pytest.mark.parametrize(
    "text",
    ["", "\n", "k1", "k1 abcd", OLD + "\n" + OLD + "\n" + FOREIGN, "k1  " + "ab12" * 16, "k" * 17 + " " + "ab12" * 16,
     "k1 ES256 ???", "k1 RS256 " + "QUJD" * 20, "k1 " + "zz" * 32, "\0\xff"],
)
def test_a_broken_file_is_told_without_its_text(files, text):
    files.write(files.keys, text + "\n")
    for arguments in (["show"], ["rotate", "next"], ["rotate", "activate"], ["rotate", "retire"]):
        err = files.refused("keys", *arguments)
        assert "jwt.keys" in err
        for word in text.split():
            assert len(word) < 6 or word not in err


def test_a_file_that_is_not_there_is_told(files):
    files.keys.unlink()
    assert "cannot read" in files.refused("keys", "show")


# -- ES256


def openssl(*arguments, given):
    return subprocess.run(["openssl", *arguments], input=given, check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout


def halves_match(files):
    """Every public key is that of the private one with its kid, on the curve P-256."""
    private = dict(line.split(" ES256 ") for line in files.lines(files.private))
    for line in files.lines():
        kid, public = line.split(" ES256 ")
        der = base64.b64decode(private[kid])
        made = openssl("pkey", "-inform", "DER", "-pubout", "-outform", "DER", given=der)
        assert base64.b64decode(public) == made
        assert b"prime256v1" in openssl("pkey", "-inform", "DER", "-text", "-noout", given=der)
    return list(private)


def test_another_algorithm_is_one_command(files):
    files.write(files.private, "# no private key: jwt.keys are HS256 keys\n", 0o600)
    out = files.do("keys", "new", "--alg", "ES256")
    assert "sessions stay" in out and len(files.lines()) == 1
    assert halves_match(files) == files.kids()
    assert stat.S_IMODE(files.private.stat().st_mode) == 0o600
    assert "ES256  signs" in files.do("keys", "show")
    files.do("keys", "new", "--alg", "HS256")
    assert files.lines(files.private) == [] and len(files.lines()[0].split()) == 2


def test_es256_keys_rotate_with_their_private_halves(files):
    files.do("keys", "new", "--alg", "ES256")
    first = files.kids()[0]
    files.do("keys", "rotate", "next")
    assert halves_match(files) == files.kids() and files.kids()[0] == first
    files.do("keys", "rotate", "activate")
    assert set(halves_match(files)) == set(files.kids()) and files.kids()[1] == first
    files.do("keys", "rotate", "retire", "--force")
    assert halves_match(files) == files.kids() and first not in files.kids()


def test_a_private_file_made_anew_is_for_its_owner_alone(files):
    files.do("keys", "new", "--alg", "ES256")
    assert stat.S_IMODE(files.private.stat().st_mode) == 0o600


def test_es256_without_a_place_for_the_private_key_is_refused(files):
    files.conf.write_text("")
    assert "auth.jwt_private_file = jwt.private" in files.refused("keys", "new", "--alg", "ES256")


def test_without_openssl_nothing_changes(files):
    empty = files.folder / "empty"
    empty.mkdir()
    assert "apt-get install openssl" in files.refused("keys", "new", "--alg", "ES256", PATH=str(empty))


# -- showing


def test_show_tells_kids_and_roles_and_no_key(files):
    out = files.do("keys", "show")
    assert "  20200101          HS256  signs and verifies\n  No rotation is under way." in out
    assert "  a3f49c00          HS256  signs and verifies" in out
    files.do("keys", "rotate", "next")
    out = files.do("keys", "show")
    assert re.search(r"^  \d{8}T\d{6}   HS256  verifies$", out, re.M) and "Next: hallectl keys rotate activate" in out
    out = files.do("keys", "show", language="fr_FR.UTF-8")
    assert "signe et vérifie" in out and "Ensuite : hallectl keys rotate activate" in out


def test_secrets_are_looked_for_where_systemd_takes_them_from(tmp_path):
    (tmp_path / "secrets").mkdir()
    files = Files(tmp_path)
    for name in ("jwt.keys", "service.keys"):
        (tmp_path / name).rename(tmp_path / "secrets" / name)
    assert str(tmp_path / "secrets/jwt.keys") in ctl.run(files.conf, "keys", "show")[1]
    assert ctl.run(files.conf, "keys", "new", "--alg", "ES256", HALLECTL_RESTART="true")[0] == 0
    assert (tmp_path / "secrets/jwt.private").exists()


def test_the_defaults_are_those_of_the_programs(tmp_path):
    """As halle-auth tells them from a configuration that says nothing."""
    build = os.environ.get("HALLE_BUILD") or ROOT / "build"
    files = Files(tmp_path)
    files.conf.write_text("")
    dump = subprocess.run([f"{build}/halle-auth", "--config", files.conf, "--config-dump"], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    told = dict(re.findall(r"^(\w+) = (.*)$", dump, re.M))
    code = "import sys; sys.path.insert(0, sys.argv[1]); from hallectl.config import Config; " \
           "c = Config(sys.argv[2]); print(*(f'{k} {c[k]} {c.path(k)}' for k in c.values), sep='\\n')"
    ours = subprocess.run(["/usr/bin/python3", "-IBc", code, ROOT, files.conf], check=True, stdout=subprocess.PIPE,
                          text=True).stdout
    for line in ours.splitlines():
        key, *values = line.split(" ")
        assert told[key] in values, line


# -- restarting


SYSTEMCTL = """#!/bin/sh
echo "$@" >>{log}
case $1 in
list-units) printf '%s loaded active running x\\n' halle-carts@1.service halle-auth@2.service halle-auth@1.service ;;
show) echo {started} ;;
restart) test "$2" != "{broken}" ;;
is-active) echo active ;;
esac
"""


def systemd(files, started=10**15, broken=""):
    """A systemctl that writes down what it is asked for. started: when workers did, in µs since the machine did."""
    folder = files.folder / "bin"
    folder.mkdir(exist_ok=True)
    log = folder / "asked"
    (folder / "systemctl").write_text(SYSTEMCTL.format(log=log, started=started, broken=broken))
    (folder / "systemctl").chmod(0o755)
    log.write_text("")
    return {"PATH": f"{folder}:{os.environ['PATH']}", "restart": None}, log


def restarted(log):
    return re.findall(r"^restart (.*)$", log.read_text(), re.M)


def test_under_systemd_the_units_restart_one_by_one(files):
    how, log = systemd(files)
    files.do("keys", "rotate", "next", **how)
    assert restarted(log) == ["halle-auth@1.service", "halle-auth@2.service", "halle-carts@1.service"]
    asked = log.read_text().splitlines()
    for unit in restarted(log):
        assert asked[asked.index(f"restart {unit}") + 1] == f"is-active {unit}"


def test_the_first_worker_that_does_not_come_up_is_the_last_that_is_touched(files):
    how, log = systemd(files, broken="halle-auth@2.service")
    code, _, err = files.run("keys", "rotate", "next", **how)
    assert code == 1 and "halle-auth@2.service did not come up again" in err and "journalctl" in err
    assert restarted(log)[-1] == "halle-auth@2.service"


def test_a_key_is_not_activated_while_a_worker_does_not_know_it(files):
    files.do("keys", "rotate", "next")
    how, log = systemd(files, started=1)
    assert "do not know the new key yet: halle-auth@1.service" in files.refused("keys", "rotate", "activate", **how)
    how, log = systemd(files)
    files.do("keys", "rotate", "activate", **how)
    assert restarted(log)


def test_no_restart_says_what_is_to_be_restarted(files):
    how, log = systemd(files)
    out = files.do("keys", "rotate", "next", "--no-restart", **how)
    assert restarted(log) == [] and "halle-auth@1 halle-auth@2 halle-carts@1" in out
    out = files.do("keys", "rotate", "activate", "--no-restart", **how)
    assert restarted(log) == [] and "Then wait 3605 s before hallectl keys rotate retire" in out


def test_without_anything_to_restart_it_says_so(files):
    how, _ = systemd(files)
    (files.folder / "bin/systemctl").write_text("#!/bin/sh\nexit 1\n")
    assert "Restart the workers now" in files.do("keys", "rotate", "next", **how)


def test_a_rotation_on_a_living_shop_refuses_no_good_token():
    with private_instance(HALLE_LIMITS="off", **PATIENT) as shop:
        user = shop.new_user()
        first_kid = keys_of(shop)[0][0]
        done = threading.Event()

        def browse(_):
            client, answers = user.another(), set()
            while not done.is_set():
                answers.add(client.get("/cart").status_code)
                answers.add(client.get("/users/profile").status_code)
                fresh = shop.client(data(client.post(
                    "/auth/login", {"username": user.username, "password": PASSWORD}))["access_token"])
                answers.add(fresh.get("/cart").status_code)
                answers.add(fresh.get("/users/profile").status_code)
            return answers

        def rotate(_):
            try:
                return [shop.dev("ctl", "keys", "rotate", step).returncode for step in ("next", "activate")]
            finally:
                done.set()

        assert in_threads(3, lambda i: rotate(i) if i == 0 else browse(i), 600) == [[0, 0], {200}, {200}]
        assert keys_of(shop)[0][0] != first_kid
        assert user.get("/cart").status_code == 200
        assert "may live until" in shop.dev("ctl", "keys", "rotate", "retire", check=False).stdout
        shop.dev("ctl", "keys", "rotate", "retire", "--force")
        assert user.get("/cart").status_code == 401
        assert shop.login(user.username, PASSWORD).get("/cart").status_code == 200
