"""A browser's session: the cookie that the token is exchanged for, and what may use it."""

from __future__ import annotations

import logging

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from http_gateway.access.page_session import (
    PAGE_HEADER,
    SESSION_S,
    cookie_name,
    is_session,
    make_session,
    refuse_sender,
)
from http_gateway.app import create_app
from http_gateway.operations.idempotency import KEY_HEADER
from tests.support.answers import error_of, json_of
from tests.support.fake_job_client import FakeJobClient

TOKEN = "correct-horse-battery-staple"
OTHER_TOKEN = "another-secret-altogether"
NOW_S = 1_900_000_000.0
OWN = {PAGE_HEADER: "1", "Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
FAKE = FakeJobClient()
APP = create_app(FAKE, token=TOKEN, version="9.8.7", ray_address="192.168.1.5:6379")


@pytest.fixture
def fake() -> FakeJobClient:
    FAKE.forget()
    return FAKE


@pytest.fixture
def browser(fake: FakeJobClient) -> FlaskClient:
    """Keeps cookies, as a browser does; it has not signed in."""
    return APP.test_client()


@pytest.fixture
def signed_in(browser: FlaskClient) -> FlaskClient:
    assert browser.put("/session", json={"token": TOKEN}, headers=OWN).status_code == 200
    return browser


# The cookie's value


def test_a_session_is_one_until_it_ends() -> None:
    session = make_session(TOKEN, NOW_S)
    for later_s, counts in [(0, True), (SESSION_S - 1, True), (SESSION_S, False), (1e9, False)]:
        assert is_session(session, TOKEN, NOW_S + later_s) is counts, later_s


def test_a_session_ends_with_the_token_and_does_not_hold_it() -> None:
    session = make_session(TOKEN, NOW_S)
    assert TOKEN not in session
    assert not is_session(session, OTHER_TOKEN, NOW_S)


def test_a_session_that_was_changed_is_none() -> None:
    end_s, signature = make_session(TOKEN, NOW_S).split(".")
    other = "0" if signature[0] != "0" else "1"
    for changed in (
        f"{int(end_s) + 1}.{signature}",
        f"{end_s}.{other}{signature[1:]}",
        f"0{end_s}.{signature}",
        f"{end_s}.{signature.upper()}",
        f"{end_s}.{signature}\n",
        signature,
    ):
        assert not is_session(changed, TOKEN, NOW_S), changed


def test_a_clock_that_is_set_back_ends_no_session() -> None:
    assert is_session(make_session(TOKEN, NOW_S), TOKEN, NOW_S - 3_600)


@given(st.none() | st.text(max_size=100))
def test_no_other_text_is_a_session(text: str | None) -> None:
    assert not is_session(text, TOKEN, NOW_S)


def test_gateways_at_two_ports_have_two_cookies() -> None:
    names = {cookie_name(host) for host in ("localhost:4000", "localhost:4001", "[::1]", "[::1]:8")}
    assert names == {f"tandem_page_{port}" for port in ("4000", "4001", "usual", "8")}


# Who may use it


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_the_gateways_own_page_may(method: str) -> None:
    for origin in ("http://nas.lan:4000", "https://NAS.lan:4000", None):
        for site in ("same-origin", "none", None):
            assert refuse_sender(method, "nas.lan:4000", origin, site, True) is None


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
def test_no_other_page_may(method: str) -> None:
    for origin in ("https://evil.example", "http://nas.lan:4001", "null", ""):
        reason = refuse_sender(method, "nas.lan:4000", origin, None, True)
        assert reason is not None and "Origin" in reason, origin
    for site in ("cross-site", "same-site", ""):
        reason = refuse_sender(method, "nas.lan:4000", None, site, True)
        assert reason is not None and "Sec-Fetch-Site" in reason, site


def test_what_changes_something_needs_the_header_that_a_form_cannot_send() -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "NEW"):
        reason = refuse_sender(method, "localhost", None, None, False)
        assert reason is not None and PAGE_HEADER in reason
    for method in ("GET", "HEAD", "OPTIONS"):
        assert refuse_sender(method, "localhost", None, None, False) is None


# The application


def test_the_token_is_exchanged_for_a_cookie_that_no_script_and_no_other_site_gets(
    browser: FlaskClient,
) -> None:
    response = browser.put("/session", json={"token": TOKEN}, headers=OWN)
    assert json_of(response) == {"message": "Signed in"}
    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/" in cookie
    assert f"Max-Age={SESSION_S}" in cookie and TOKEN not in cookie
    assert response.headers["Cache-Control"] == "no-store"


def test_over_tls_the_cookie_stays_there(browser: FlaskClient) -> None:
    url = "https://localhost"
    headers = {**OWN, "Origin": url}
    response = browser.put("/session", json={"token": TOKEN}, headers=headers, base_url=url)
    assert "; Secure" in response.headers["Set-Cookie"]


def test_with_a_session_the_api_answers(signed_in: FlaskClient, fake: FakeJobClient) -> None:
    assert signed_in.get("/api/jobs", headers=OWN).status_code == 200
    assert signed_in.post("/api/network/initialize/1", headers=OWN).status_code == 200
    assert signed_in.delete("/api/jobs/1", headers=OWN).status_code == 200
    assert [name for name, _ in fake.calls] == ["list_jobs", "initialize", "delete_job"]


def test_a_session_outlives_the_gateways_process(browser: FlaskClient) -> None:
    response = browser.put("/session", json={"token": TOKEN}, headers=OWN)
    name, value = response.headers["Set-Cookie"].partition(";")[0].split("=")
    again = create_app(FakeJobClient(), token=TOKEN, version="9.8.7").test_client()
    again.set_cookie(name, value)
    assert again.get("/api/jobs").status_code == 200
    changed = create_app(FakeJobClient(), token=OTHER_TOKEN, version="9.8.7").test_client()
    changed.set_cookie(name, value)
    error_of(changed.get("/api/jobs"), 401)


def test_another_page_can_not_use_the_session(
    signed_in: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    """``SameSite`` is not all: a page at another port of this host is the same site."""
    for method, path in [
        ("POST", "/api/jobs/1/stop"),
        ("DELETE", "/api/jobs/1"),
        ("GET", "/ready"),
    ]:
        for headers in (
            {**OWN, "Origin": "http://localhost:3000"},
            {**OWN, "Sec-Fetch-Site": "same-site"},
        ):
            with subtests.test(method=method, headers=headers):
                error_of(signed_in.open(path, method=method, headers=headers), 403)
    error_of(signed_in.post("/api/jobs/1/stop"), 403)
    assert fake.calls == []


def test_a_wrong_token_gives_no_session(browser: FlaskClient, subtests: pytest.Subtests) -> None:
    for token in [OTHER_TOKEN, "", " ", "x" * 100_000, "caf\xe9", f"Bearer {TOKEN}", "\ud800"]:
        with subtests.test(token=token[:40]):
            response = browser.put("/session", json={"token": token}, headers=OWN)
            assert TOKEN not in error_of(response, 401)
            assert "Set-Cookie" not in response.headers
    for body in ({}, {"token": None}, {"token": [TOKEN]}):
        error_of(browser.put("/session", json=body, headers=OWN), 400)
    error_of(browser.get("/api/jobs", headers=OWN), 401)


def test_another_page_can_not_sign_in_or_out(browser: FlaskClient) -> None:
    for headers in ({}, {**OWN, "Origin": "http://evil.example"}):
        response = browser.put("/session", json={"token": TOKEN}, headers=headers)
        error_of(response, 403)
        assert "Set-Cookie" not in response.headers
        error_of(browser.delete("/session", headers=headers), 403)


def test_an_authorization_header_decides_alone(signed_in: FlaskClient) -> None:
    error_of(signed_in.get("/api/jobs", headers={**OWN, "Authorization": "Bearer no"}), 401)
    headers = {"Authorization": f"Bearer {TOKEN}", "Origin": "https://evil.example"}
    assert signed_in.post("/api/jobs/1/stop", headers=headers).status_code == 200


def test_signing_out_takes_the_cookie(signed_in: FlaskClient) -> None:
    assert json_of(signed_in.get("/session", headers=OWN))["signed_in"] is True
    assert signed_in.delete("/session", headers=OWN).status_code == 200
    assert json_of(signed_in.get("/session", headers=OWN)) == {
        "needs_token": True,
        "signed_in": False,
        "ray_address": None,
    }
    error_of(signed_in.get("/api/jobs", headers=OWN), 401)


def test_the_page_is_told_where_devices_join_once_it_may_know(signed_in: FlaskClient) -> None:
    assert json_of(signed_in.get("/session", headers=OWN))["ray_address"] == "192.168.1.5:6379"


def test_a_login_is_never_kept_for_a_retry(browser: FlaskClient, fake: FakeJobClient) -> None:
    browser.put("/session", json={"token": TOKEN}, headers={**OWN, KEY_HEADER: "key"})
    error_of(browser.post("/session", json={"token": TOKEN}, headers={**OWN, KEY_HEADER: "k"}), 405)
    assert fake.calls == []


def test_a_token_that_was_sent_is_not_logged(
    browser: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    browser.put("/session", json={"token": OTHER_TOKEN}, headers=OWN)
    assert OTHER_TOKEN not in caplog.text


def test_without_a_token_nobody_signs_in(http: FlaskClient) -> None:
    assert json_of(http.get("/session")) == {
        "needs_token": False,
        "signed_in": True,
        "ray_address": None,
    }
    error_of(http.put("/session", json={"token": TOKEN}, headers={PAGE_HEADER: "1"}), 400)
    foreign = {"Origin": "https://evil.example", PAGE_HEADER: "1"}
    error_of(http.put("/session", json={"token": TOKEN}, headers=foreign), 403)
