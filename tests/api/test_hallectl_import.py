"""hallectl import users: accounts of another shop move in."""

import contextlib
import json
import re
import signal
import subprocess
import threading

import pytest

import ctl
from ctl import UNUSED, import_users, person
from harness import data, eventually, in_threads, private_instance, problem


def without_hash(line):
    return {k: v for k, v in line.items() if k != "password_hash"}


def accounts(instance, people):
    names = [p["username"] for p in people]
    marks = ",".join(["%s"] * len(names))
    return list(instance.rows("auth", f"SELECT * FROM account WHERE username IN ({marks}) ORDER BY id", *names))


def settled(instance):
    """No event waits: every account has its profile and its cart."""
    eventually(lambda: instance.rows("auth", "SELECT COUNT(*) AS n FROM outbox")[0]["n"] == 0, 60)


def summary(out):
    """(lines, imported, already there, bad) of the last line but the ignored members."""
    found = re.search(r"^(\d+) lines?, (\d+) imported, (\d+) already there, (\d+) bad in ", out, re.M)
    assert found, out
    return tuple(int(n) for n in found.groups())


PASSWORD = "Étendoir de Noah"


@pytest.mark.parametrize("member", ["password_hash", "password"])
@pytest.mark.parametrize("made_by", [ctl.scrypt, ctl.pbkdf2])
def test_an_imported_user_logs_in_and_his_hash_is_upgraded(instance, made_by, member):
    line = {**without_hash(person()), member: made_by(PASSWORD)}
    assert import_users(instance, [line])[0] == 0
    assert accounts(instance, [line])[0]["password"] == line[member]
    wrong = {"username": line["username"], "password": PASSWORD + "!"}
    problem(instance.client().post("/auth/login", wrong), 401, "INVALID_CREDENTIALS")
    as_hash = {"username": line["username"], "password": line[member][:128]}
    problem(instance.client().post("/auth/login", as_hash), 401, "INVALID_CREDENTIALS")
    instance.login(line["username"], PASSWORD)
    assert accounts(instance, [line])[0]["password"].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    instance.login(line["email"], PASSWORD)


def test_an_imported_user_has_profile_and_cart(instance):
    profile = {"first_name": "Zoë", "last_name": "O'Neil", "phone": "+33 1", "address": "1 rue X\n75000 Paris"}
    line = person(id=987654321, password_hash=ctl.pbkdf2(PASSWORD), **profile)
    assert import_users(instance, [line])[0] == 0
    settled(instance)
    user = instance.login(line["username"], PASSWORD)
    got = data(user.get("/users/profile"))
    assert {k: got[k] for k in profile} == profile
    assert got["email"] == line["email"] and got["role"] == "customer"
    assert user.cart()["items"] == []
    assert got["id"] == accounts(instance, [line])[0]["id"] != 987654321


def test_empty_and_null_members_are_none(instance):
    line = person(first_name="", last_name=None, phone="", address=None, role=None)
    assert import_users(instance, [line])[0] == 0
    settled(instance)
    row = instance.rows("users", "SELECT * FROM profile WHERE username = %s", line["username"])[0]
    assert [row[k] for k in ("first_name", "last_name", "phone", "address")] == [None] * 4
    assert row["role"] == "customer"


def test_an_admin_stays_one(instance):
    line = person(role="admin", password_hash=ctl.pbkdf2(PASSWORD))
    assert import_users(instance, [line])[0] == 0
    settled(instance)
    boss = instance.login(line["username"], PASSWORD)
    assert data(boss.get("/users/profile"))["role"] == "admin"
    assert data(boss.get("/auth/profile"))["role"] == "admin"


def test_every_kind_of_hash_that_a_login_can_verify_is_taken(instance):
    good = [
        ctl.scrypt("x"), ctl.pbkdf2("x"), ctl.pbkdf2("x", 600000),
        "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$rk2Mi3E4dgRMg0fHaYaptWVZRKqs//6b6k3/nntqGJk",
        "$argon2id$v=19$m=65536,t=3,p=4$MDEyMzQ1Njc4OWFiY2RlZg$rk2Mi3E4dgRMg0fHaYaptWVZRKqs//6b6k3/nntqGJk",
    ]
    people = [person(password_hash=h) for h in good]
    code, out, err = import_users(instance, people)
    assert (code, err) == (0, "") and summary(out) == (5, 5, 0, 0)
    assert [row["password"] for row in accounts(instance, people)] == good


@pytest.mark.parametrize(
    "text",
    ["secret", "correct horse battery staple", "$2b$12$abcdefghijklmnopqrstuuLLLLLLLLLLLLLLLLLLLLLLLLLLLLLL",
     "5f4dcc3b5aa765d61d8327deb882cf99", "md5$salt$5f4dcc3b", "pbkdf2:sha1:1000$salt$" + "ab" * 20,
     "scrypt:32768:8:1$salt$" + "ab" * 63, "scrypt:1048576:8:1$salt$" + "ab" * 64, "scrypt:32768:8:1$$" + "ab" * 64,
     "pbkdf2:sha256:99999999$salt$" + "ab" * 32, "pbkdf2:sha256:1$salt$" + "ab" * 32,
     "$argon2id$v=19$m=4194304,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$rk2Mi3E4dgRMg0fHaYaptWVZRKqs//6b6k3/nntqGJk",
     "$argon2i$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$rk2Mi3E4dgRMg0fHaYaptWVZRKqs//6b6k3/nntqGJk"],
)
def test_a_password_in_clear_or_an_unknown_hash_is_refused_and_never_repeated(instance, text):
    line = person(password_hash=text)
    code, out, err = import_users(instance, [line])
    assert code == 1 and summary(out) == (1, 0, 0, 1)
    assert err.startswith("-:1: password_hash: ") and "Never put a password itself here" in err
    assert text not in out + err
    assert accounts(instance, [line]) == []


def test_a_password_in_clear_under_its_old_name_is_told_by_that(instance):
    line = without_hash(person(password="hunter2-hunter2"))
    assert import_users(instance, [line])[2].startswith("-:1: password: This is no hash")


BAD = [
    ("not json", "not JSON"),
    ('{"username":', "not JSON"),
    ("[1]", "jq -c"),
    ('"x"', "not a JSON object"),
    ("null", "not a JSON object"),
    ("NaN", "not JSON"),
    ('{"username":NaN}', "not JSON"),
    (b'{"username":"caf\xe9"}', "not UTF-8 (byte 17)"),
    (b"\xff\xfe{\0}\0", "not UTF-8"),
    (b"{\0}", "not JSON"),
    ('{"a":1,"a":2}', "a member stands twice"),
    ("[" * 30000, "jq -c"),
    ('{"a":' * 9000, "not JSON"),
    ('{"username":"' + "x" * (1 << 20) + '"}', "longer than 64 KiB"),
    (person(username="a\0b"), "username: It holds a NUL."),
    ('{"username":"\\ud800"}', "username: It is not valid Unicode."),
    (person(username=5), "username: It must be a text."),
    (person(username=["a"]), "username: It must be a text."),
    (person(email={"a": 1}), "email: It must be a text."),
    (person(password_hash=True), "password_hash: It must be a text."),
    (person(password=UNUSED), "password: Give password_hash or password, not both."),
    ("{}", "username: This field is required."),
    (person(username=None), "username: This field is required."),
    (person(email=None), "email: This field is required."),
    (person(password_hash=None), "password_hash: This field is required."),
    (person(username=""), "username: It needs at least 3 characters."),
    (person(username="x" * 300), "username: It may have at most 64 characters."),
    (person(username="Robert'); DROP TABLE account;--"), "username: It does not have the right form."),
    (person(username="<script>alert(1)</script>"), "username: It does not have the right form."),
    (person(username="zoë"), "username: It does not have the right form."),
    (person(username="a@example.com"), "username: It does not have the right form."),
    (person(email="x" * 300 + "@example.com"), "email: It may have at most 254 characters."),
    (person(email="a@b.fr\r\nBcc: x@y.fr"), "email: It does not have the right form."),
    (person(email="nowhere"), "email: It does not have the right form."),
    (person(password_hash="scrypt:" + "x" * 300), "password_hash: It may have at most 255 characters."),
    (person(role="root"), "role: It is not one of the allowed values."),
    (person(role="service"), "role: It is not one of the allowed values."),
    (person(first_name="x" * 101), "first_name: It may have at most 100 characters."),
    (person(first_name="a\nb"), "first_name: It does not have the right form."),
    (person(last_name=7), "last_name: It must be a text."),
    (person(phone="1" * 33), "phone: It may have at most 32 characters."),
    (person(address="𝄞" * 501), "address: It may have at most 500 characters."),
]


def test_bad_lines_are_told_by_number_and_spoil_no_other(instance, unharmed):
    lines, good = [], []
    for bad, _ in BAD:
        good.append(person())
        lines += [good[-1], bad]
    code, out, err = import_users(instance, lines)
    assert code == 1 and summary(out) == (2 * len(BAD), len(BAD), 0, len(BAD))
    told = dict(re.findall(r"^-:(\d+): (.*)$", err, re.M))
    for i, (_, reason) in enumerate(BAD):
        assert reason in told[str(2 * i + 2)], (i, told[str(2 * i + 2)])
    assert len(told) == len(BAD) and len(err) < 20000
    assert len(accounts(instance, good)) == len(good)


def test_texts_at_their_limits_and_of_any_alphabet_arrive_as_they_are(instance):
    texts = ["<b>\"'\\ \u202e𝄞🛒é", "Robert'); DROP TABLE profile;--", "x" * 100, "𝄞" * 100]
    people = [person(first_name=t, last_name=t, address=t * 5 if len(t) == 100 else t) for t in texts]
    people += [person(username=("u" + p["username"]).ljust(64, "x"), phone="1" * 32) for p in people]
    assert import_users(instance, people)[0] == 0
    settled(instance)
    for p in people:
        row = instance.rows("users", "SELECT * FROM profile WHERE username = %s", p["username"])[0]
        assert [row[k] for k in ("first_name", "last_name", "phone", "address")] == [
            p.get(k) for k in ("first_name", "last_name", "phone", "address")]


def test_unknown_members_are_ignored_and_named_without_harm_to_the_terminal(instance):
    huge = '"id":1e999,"n":' + "9" * 5000
    strange = {**person(), "date_creation": "2024", "\x1b]0;x\x07": {"a": [1, None]}, "x" * 200: 1}
    text = json.dumps(strange)[:-1] + "," + huge + "}"
    code, out, err = import_users(instance, [text, person(date_creation=None)])
    assert (code, err) == (0, "") and summary(out) == (2, 2, 0, 0)
    assert "date_creation (2)" in out and "\x1b" not in out and "x" * 81 not in out
    assert " id (" not in out
    code, out, _ = import_users(instance, [{**person(), **{f"m{i}": 1 for i in range(200)}}])
    assert code == 0 and "… (180)" in out


def test_blank_lines_a_byte_order_mark_and_crlf_do_no_harm(instance):
    a, b, c = person(), person(), person()
    text = b"\xef\xbb\xbf" + ctl.as_line(a) + b"\r\n\r\n  \n" + ctl.as_line(b) + b"\n" + ctl.as_line(c)
    code, out, err = ctl.run(ctl.config_of(instance), "import", "users", "-", given=text)
    assert (code, err) == (0, "") and len(accounts(instance, [a, b, c])) == 3
    assert summary(out) == (5, 3, 0, 0)


def test_an_empty_file_is_no_error(instance):
    code, out, err = import_users(instance, [])
    assert (code, err) == (0, "") and summary(out) == (0, 0, 0, 0)


def test_a_second_import_changes_nothing(instance):
    people = [person() for _ in range(250)]
    assert summary(import_users(instance, people)[1]) == (250, 250, 0, 0)
    settled(instance)
    before = instance.checksum("auth", "users")
    other = [{**p, "email": p["email"].upper(), "password_hash": ctl.pbkdf2("x"), "role": "admin"} for p in people]
    for again in (people, other):
        code, out, err = import_users(instance, again)
        assert (code, err) == (0, "") and summary(out) == (250, 0, 250, 0)
    after = instance.checksum("auth", "users")
    assert {k: v for k, v in after.items() if "idem" not in k} == {k: v for k, v in before.items() if "idem" not in k}


def test_a_clash_of_name_or_address_alone_is_a_bad_line(instance):
    there = person()
    assert import_users(instance, [there])[0] == 0
    name = person(username=there["username"].upper())
    mail = person(email=there["email"].upper())
    twice = person()
    code, out, err = import_users(instance, [name, mail, twice, twice, {**twice, "email": "other@example.com"}])
    assert code == 1 and summary(out) == (5, 1, 1, 3)
    assert err.splitlines() == [
        "-:1: username: Another account has it.",
        "-:2: email: Another account has it.",
        "-:5: username: Another account has it.",
    ]
    assert len(accounts(instance, [there, mail, twice])) == 2


def test_imports_in_parallel_make_each_account_once(instance, unharmed):
    people = [person() for _ in range(400)]
    orders = [people, people[::-1], people[200:] + people[:200]]
    results = in_threads(3, lambda i: import_users(instance, orders[i]))
    assert [(code, err) for code, _, err in results] == [(0, "")] * 3
    sums = [summary(out) for _, out, _ in results]
    assert sum(s[1] for s in sums) == 400 and all(s[1] + s[2] == 400 and s[3] == 0 for s in sums)
    assert len(accounts(instance, people)) == 400
    settled(instance)
    marks = ",".join(["%s"] * 400)
    ids = [row["id"] for row in accounts(instance, people)]
    assert len(instance.rows("users", f"SELECT id FROM profile WHERE id IN ({marks})", *ids)) == 400
    assert len(instance.rows("carts", f"SELECT user_id FROM cart WHERE user_id IN ({marks})", *ids)) == 400


def test_the_shop_is_open_meanwhile(instance, customer, product, unharmed):
    people = [person() for _ in range(1000)]
    done = threading.Event()

    def work(i):
        if i == 0:
            try:
                return import_users(instance, people)
            finally:
                done.set()
        client, count = customer.another(), 0
        while not done.is_set() or count == 0:
            data(client.add(product["id"]), 201)
            instance.new_user()
            count += 1
        return count

    (code, out, err), shopped = in_threads(2, work)
    assert (code, err) == (0, "") and summary(out) == (1000, 1000, 0, 0) and shopped


def start(instance, *arguments, **how):
    return subprocess.Popen(ctl.command(ctl.config_of(instance), *arguments), env=ctl.environment(),
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_import_says_how_far_it_came_and_goes_on_from_there(instance, how):
    people = [person() for _ in range(250)]
    lines = ctl.jsonl(people)
    work = start(instance, "import", "users", "-")
    work.stdin.write(lines)
    work.stdin.flush()
    eventually(lambda: len(accounts(instance, people)) == 200)
    # two batches stand; of the third, half has come
    work.send_signal(how)
    out, err = (text.decode() for text in work.communicate(timeout=ctl.LIMIT))
    assert work.returncode == 1
    assert "Interrupted. Lines 1 to 200 are done with." in err and summary(out)[1] == 200
    assert summary(import_users(instance, people)[1]) == (250, 50, 200, 0)


def feed(work, people):
    with contextlib.suppress(BrokenPipeError):
        work.stdin.write(ctl.jsonl(people))


def test_a_killed_import_goes_on_where_it_was(instance):
    people = [person() for _ in range(600)]
    work = start(instance, "import", "users", "-")
    threading.Thread(target=feed, args=(work, people), daemon=True).start()
    eventually(lambda: len(accounts(instance, people)) >= 100)
    work.kill()
    work.wait(ctl.LIMIT)
    code, out, err = import_users(instance, people)
    assert (code, err) == (0, "")
    assert len(accounts(instance, people)) == 600
    settled(instance)
    ids = [row["id"] for row in accounts(instance, people)]
    marks = ",".join(["%s"] * 600)
    assert len(instance.rows("users", f"SELECT id FROM profile WHERE id IN ({marks})", *ids)) == 600


def test_progress_is_shown_in_place_on_a_terminal(instance, tmp_path):
    file = tmp_path / "users.jsonl"
    file.write_bytes(ctl.jsonl([person() for _ in range(300)] + ["x"]))
    typed = subprocess.run(
        ["script", "-qec", " ".join(f"'{a}'" for a in ctl.command(
            ctl.config_of(instance), "import", "users", file.name)).replace("'" + ctl.RUN + "'", '"$RUN"'), "/dev/null"],
        cwd=tmp_path, env=ctl.environment(RUN=ctl.RUN), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=ctl.LIMIT)
    out = typed.stdout.decode()
    assert typed.returncode == 1
    assert "users.jsonl:301: not JSON" in out and "301 lines, 300 imported, 0 already there, 1 bad in" in out


def test_messages_are_in_french_where_the_locale_is(instance):
    code, out, err = import_users(instance, ["x", person(username="a b")], language="fr_FR.UTF-8")
    assert code == 1
    assert err.splitlines() == ["-:1: pas du JSON", "-:2: username: La forme n'est pas la bonne."]
    assert out.startswith("2 lignes, 0 importée, 0 déjà là, 2 mauvaises en ")


def test_dev_ctl_runs_it_on_the_instance(instance, tmp_path):
    file = tmp_path / "users.jsonl"
    file.write_bytes(ctl.jsonl([person()]))
    file.chmod(0o644)
    tmp_path.chmod(0o755)
    done = instance.dev("ctl", "import", "users", str(file))
    assert summary(done.stdout) == (1, 1, 0, 0)
    assert "import users" in instance.dev("ctl", "--help").stdout


# -- who may


def test_the_route_is_for_hallectl_alone(instance, admin):
    body = {"entries": [person()]}
    problem(admin.post("/internal/auth/import", body), 404, "NOT_FOUND")
    assert accounts(instance, body["entries"]) == []


def test_a_key_that_auth_does_not_know_is_told(instance, tmp_path):
    conf = tmp_path / "halle.conf"
    (tmp_path / "service.keys").write_text("k1 " + "0123456789abcdef" * 4 + "\n")
    conf.write_text(f"internal_socket = {instance.path('internal_socket')} # a comment\n")
    code, _, err = ctl.run(conf, "import", "users", "-", given=ctl.jsonl([person()]))
    assert code == 1 and "auth does not take our token: restart the workers" in err
    assert "No line is imported" in err


@pytest.mark.parametrize("path", ["/nonexistent/halle.conf", "/", "/dev/null"])
def test_without_configuration_or_socket_it_says_what_is_wrong(path):
    code, out, err = ctl.run(path, "import", "users", "-", given=ctl.jsonl([person()]))
    assert code == 1 and err.startswith("hallectl: ") and "Traceback" not in err


def test_a_file_that_is_not_there_is_told(instance):
    code, out, err = ctl.run(ctl.config_of(instance), "import", "users", "/nonexistent/users.jsonl")
    assert (code, out) == (1, "") and "cannot read /nonexistent/users.jsonl" in err
    code, _, err = ctl.run(ctl.config_of(instance), "import", "users", "/")
    assert code == 1 and "Traceback" not in err


@pytest.mark.parametrize(
    "arguments", [[], ["import"], ["import", "users"], ["import", "users", "a", "b"], ["import", "users", "--x", "a"],
                  ["--x"], ["nonsense"], ["keys"], ["keys", "rotate"], ["keys", "new"], ["keys", "new", "--alg"],
                  ["keys", "new", "--alg", "none"], ["keys", "rotate", "next", "--force"], ["--config"]])
def test_wrong_usage_exits_2(instance, arguments):
    code, out, err = ctl.run(ctl.config_of(instance), *arguments)
    assert (code, out) == (2, "") and "hallectl --help" in err


@pytest.mark.parametrize("language, word", [("C", "usage: "), ("fr_FR.UTF-8", "usage : ")])
def test_every_command_has_help(language, word):
    code, out, _ = ctl.run("/nonexistent", "--help", language=language)
    assert code == 0 and out.startswith(word)
    names = re.findall(r"^  ((?:[a-z]+ )*[a-z]+)(?= [A-Z\[-]|$)", out, re.M)
    assert {"import users", "keys show", "keys rotate next", "keys new"} <= set(names)
    for name in names:
        code, out, err = ctl.run("/nonexistent", *name.split(), "--help", language=language)
        assert code == 0 and err == "" and out.startswith(word + "hallectl " + name), name
        assert re.search(r"^  (hallectl|sqlite3) ", out, re.M), f"{name} has no example"


# -- when auth is away


@pytest.fixture(scope="module")
def own():
    with private_instance(HALLE_LIMITS="off") as made:
        yield made


def test_with_auth_down_it_says_so_and_nothing_is_half_done(own):
    people = [person() for _ in range(150)]
    own.stop("auth")
    code, out, err = import_users(own, people)
    assert code == 1 and summary(out)[1] == 0
    assert "auth does not run (502)" in err and "No line is imported" in err
    assert accounts(own, people) == []
    own.up()
    assert summary(import_users(own, people)[1]) == (150, 150, 0, 0)


def test_without_nginx_it_says_so(own):
    own.stop("nginx")
    code, _, err = import_users(own, [person()], language="fr_FR.UTF-8")
    assert code == 1 and "nginx tourne-t-il ?" in err and "Aucune ligne n'est importée." in err
    own.up()


def test_the_profile_goes_to_users_and_to_nobody_else(own):
    for service in ("users", "carts"):
        own.stop(service)
    line = person(first_name="Zoë", phone="+33 1", address="1 rue X")
    assert import_users(own, [line])[0] == 0
    told = {row["service"]: json.loads(row["data"]) for row in own.rows("auth", "SELECT service, data FROM outbox")}
    profile = {k: line[k] for k in ("first_name", "phone", "address")}
    known = {"user_id": accounts(own, [line])[0]["id"], "username": line["username"], "email": line["email"],
             "role": "customer"}
    assert told == {"users": {**known, **profile}, "carts": known}
    own.up()
    settled(own)


def test_auth_gone_in_the_middle_leaves_whole_accounts(own):
    people = [person() for _ in range(250)]
    work = start(own, "import", "users", "-")
    work.stdin.write(ctl.jsonl(people[:150]))
    work.stdin.flush()
    eventually(lambda: len(accounts(own, people)) == 100)
    own.stop("auth")
    out, err = (text.decode() for text in work.communicate(ctl.jsonl(people[150:]), timeout=ctl.LIMIT))
    assert work.returncode == 1 and "Lines 1 to 100 are done with." in err
    assert summary(out)[1] == 100 and len(accounts(own, people)) == 100
    own.up()
    assert summary(import_users(own, people)[1]) == (250, 150, 100, 0)
    settled(own)
    events = own.rows("users", "SELECT COUNT(*) AS n FROM profile")[0]["n"]
    assert events == own.rows("auth", "SELECT COUNT(*) AS n FROM account")[0]["n"]


def test_with_the_database_away_it_waits_a_little_then_says_so(own):
    people = [person()]
    own.stop("mariadb")
    code, _, err = import_users(own, people)
    assert code == 1 and "DATABASE_UNAVAILABLE" in err
    own.up()
    assert accounts(own, people) == []
    assert import_users(own, people)[0] == 0


def test_workers_restarted_meanwhile_cost_no_line(own):
    people = [person() for _ in range(2000)]
    results = in_threads(2, lambda i: import_users(own, people) if i == 0 else own.dev("restart").returncode)
    code, out, err = results[0]
    assert (code, err) == (0, "") and summary(out) == (2000, 2000, 0, 0) and results[1] == 0
