"""Browser sessions: the refresh token in a cookie that scripts cannot read."""

import re

import pytest

from harness import PASSWORD, data, problem
from tokens import claims_of

NAME = "__Host-halle_refresh"


@pytest.fixture(autouse=True)
def _nothing_broke(unharmed):
    yield


@pytest.fixture
def origin(instance):
    return instance.setting("public_origin")


class Browser:
    """Keeps the cookie by hand, so that a test sends exactly what it says."""

    def __init__(self, instance, user):
        self.instance, self.user = instance, user
        self.token = self.kept = None
        body = {"username": user.username, "password": PASSWORD, "cookie": True}
        self.login_answer = instance.client().post("/auth/login", body)
        self.keep(self.login_answer)

    def keep(self, answer):
        got = data(answer)
        assert set(got) == {"access_token", "token_type", "expires_in", "refresh_expires_at"}
        self.token = got["access_token"]
        found = re.fullmatch(
            NAME + r"=([A-Za-z0-9_-]{43}); Path=/; Max-Age=(\d+); Secure; HttpOnly; SameSite=Strict",
            answer.headers["Set-Cookie"],
        )
        assert found, answer.headers["Set-Cookie"]
        assert 29 * 86400 < int(found[2]) <= 30 * 86400
        assert answer.headers["Cache-Control"] == "no-store"
        self.kept = found[1]

    def post(self, path, body, cookie=None, **headers):
        headers = {k.replace("_", "-"): v for k, v in headers.items()}
        headers["Cookie"] = cookie if cookie is not None else f"{NAME}={self.kept}"
        return self.instance.client(self.token if path == "/auth/logout" else None).post(path, body, headers=headers)

    def refresh(self, cookie=None, **headers):
        return self.post("/auth/refresh", {}, cookie, **headers)


@pytest.fixture
def browser(instance, customer):
    return Browser(instance, customer)


def test_the_cookie_refreshes_on_and_on(browser, origin):
    first = browser.kept
    for _ in range(3):
        before = browser.kept
        browser.keep(browser.refresh(Origin=origin))
        assert browser.kept != before
    assert claims_of(browser.token)["sub"] == browser.user.username
    assert first not in (browser.login_answer.text + browser.login_answer.headers["Server-Timing"])


@pytest.mark.parametrize("cookie", [False, None])
def test_json_clients_see_no_cookie(customer, anyone, cookie):
    body = {"username": customer.username, "password": PASSWORD}
    answer = anyone.post("/auth/login", body if cookie is None else {**body, "cookie": cookie})
    assert "refresh_token" in data(answer) and "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("value", [1, "true", None])
def test_cookie_is_a_bool(customer, anyone, value):
    body = {"username": customer.username, "password": PASSWORD, "cookie": value}
    got = problem(anyone.post("/auth/login", body), 400, "VALIDATION_FAILED")
    assert got["errors"][0]["pointer"] == "#/cookie"


def test_a_failed_login_sets_nothing(customer, anyone):
    answer = anyone.post("/auth/login", {"username": customer.username, "password": "wrong", "cookie": True})
    problem(answer, 401, "INVALID_CREDENTIALS")
    assert "Set-Cookie" not in answer.headers


def test_a_page_of_our_own_may_leave_the_origin_out(browser):
    browser.keep(browser.refresh(Sec_Fetch_Site="same-origin"))


def strange(origin):
    return [
        {}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": origin + "0"}, {"Origin": origin + "/"},
        {"Origin": origin.replace("https", "http")}, {"Origin": origin.upper()}, {"Origin": origin[:-1]},
        {"Sec_Fetch_Site": "same-site"}, {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "none"},
        {"Origin": "https://evil.example", "Sec_Fetch_Site": "same-origin"},
    ]


def test_another_origin_is_refused_and_changes_nothing(instance, browser, origin):
    before = instance.rows("auth", "SELECT * FROM refresh_token ORDER BY hash")
    for headers in strange(origin):
        answer = browser.refresh(**headers)
        problem(answer, 403, "ORIGIN_REFUSED")
        assert "Set-Cookie" not in answer.headers
    assert instance.rows("auth", "SELECT * FROM refresh_token ORDER BY hash") == before
    browser.keep(browser.refresh(Origin=origin))


def test_a_token_in_the_body_needs_no_origin_and_is_answered_in_the_body(instance, browser, customer):
    answer = browser.post("/auth/refresh", {"refresh_token": customer.refresh_token}, Origin="https://evil.example")
    assert len(data(answer)["refresh_token"]) == 43 and "Set-Cookie" not in answer.headers
    assert data(instance.client().post("/auth/refresh", {"refresh_token": browser.kept}))["refresh_token"]


@pytest.mark.parametrize("cookie", ["", "a=b", "halle_refresh={}", "__host-halle_refresh={}", "X__Host-halle_refresh={}",
                                    "__Host-halle_refresh2={}", "a=__Host-halle_refresh={}", "__Host-halle_refresh"])
def test_without_the_cookie_the_token_is_required(browser, origin, cookie):
    got = problem(browser.refresh(cookie.replace("{}", browser.kept), Origin=origin), 400, "VALIDATION_FAILED")
    assert [(e["pointer"], e["code"]) for e in got["errors"]] == [("#/refresh_token", "required")]


@pytest.mark.parametrize("cookie", ["{n}={v}; {n}={v}", "{n}={v}; a=b; {n}=x", "{n}=", '{n}="{v}"', "{n}={v}, a=b",
                                    "{n}={v} ; a=b", "{n}=a\\b"])
def test_a_cookie_that_is_no_cookie_is_refused(browser, origin, cookie):
    text = cookie.format(n=NAME, v=browser.kept)
    problem(browser.refresh(text, Origin=origin), 400, "INVALID_HEADER")
    browser.keep(browser.refresh(Origin=origin))


@pytest.mark.parametrize("cookie", ["a=b; {}", "{}; a=b", "a=; {}; b=\"c d\"; e", "x;{}"])
def test_other_cookies_are_not_in_the_way(browser, origin, cookie):
    browser.keep(browser.refresh(cookie.replace("{}", f"{NAME}={browser.kept}"), Origin=origin))


def test_an_unknown_cookie_is_an_unknown_token(browser, origin):
    problem(browser.refresh(f"{NAME}=" + "A" * 43, Origin=origin), 401, "INVALID_REFRESH_TOKEN")
    problem(browser.refresh(f"{NAME}=" + "A" * 5000, Origin=origin), 401, "INVALID_REFRESH_TOKEN")


def test_a_form_cannot_refresh(instance, browser, origin):
    """Only JSON: other pages cannot send that without being asked first."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", None):
        headers = {"Cookie": f"{NAME}={browser.kept}", "Origin": origin, **({"Content-Type": kind} if kind else {})}
        answer = instance.client().request("POST", "/auth/refresh", data=b"{}", headers=headers)
        problem(answer, 415, "UNSUPPORTED_MEDIA_TYPE")
    assert not any(k.lower() == "access-control-allow-credentials" for k in answer.headers)


def test_logging_out_clears_the_cookie_and_ends_its_session(browser, origin, customer):
    answer = browser.post("/auth/logout", {})
    assert answer.status_code == 200
    assert answer.headers["Set-Cookie"] == f"{NAME}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict"
    assert answer.headers["Cache-Control"] == "no-store"
    problem(browser.refresh(Origin=origin), 401, "INVALID_REFRESH_TOKEN")
    answer = customer.post("/auth/logout", {})
    assert answer.status_code == 200 and "Set-Cookie" not in answer.headers


def test_logging_out_with_a_doubled_cookie_ends_none_of_its_sessions(instance, browser, customer, origin):
    """Which of the two is the browser's own nobody knows: another page may have set one."""
    browser.token = customer.token
    assert browser.post("/auth/logout", {}, f"{NAME}={browser.kept}; {NAME}=x").status_code == 200
    browser.keep(browser.refresh(Origin=origin))


def test_logging_out_ends_the_cookies_session_of_another_login(instance, browser, customer, origin):
    browser.token = customer.token
    assert browser.post("/auth/logout", {}).status_code == 200
    problem(browser.refresh(Origin=origin), 401, "INVALID_REFRESH_TOKEN")


def test_a_lost_cookie_is_sent_again(browser, origin):
    first = browser.kept
    browser.keep(browser.refresh(Origin=origin))
    second = browser.kept
    browser.keep(browser.refresh(f"{NAME}={first}", Origin=origin))
    assert browser.kept == second


def test_no_log_has_the_cookie(instance, browser, origin):
    browser.keep(browser.refresh(Origin=origin))
    browser.refresh(Origin="https://evil.example")
    browser.refresh(f"{NAME}={browser.kept}; {NAME}={browser.kept}", Origin=origin)
    logs = b"".join(p.read_bytes() for p in (instance.var / "log").glob("*.log"))
    assert b"/auth/refresh" in logs and browser.kept.encode() not in logs and NAME.encode() not in logs
