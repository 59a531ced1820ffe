"""Which requests the application answers, with a token and without one."""

from __future__ import annotations

import logging
import re
from typing import Any
from urllib.parse import urljoin

import pytest
from flask.testing import FlaskClient
from werkzeug.test import create_environ, run_wsgi_app

from http_gateway.access.access_control import (
    DOCUMENTATION,
    PUBLIC_BLUEPRINTS,
    SESSION_BLUEPRINT,
)
from http_gateway.app import create_app
from tests.support.answers import error_of, json_of
from tests.support.fake_job_client import FakeJobClient

TOKEN = "correct-horse-battery-staple"
WITH_TOKEN = {"Authorization": f"Bearer {TOKEN}"}
PUBLIC = ["/health", "/", "/docs", "/openapi.json", "/openapi/", "/openapi/swagger"]
PRIVATE = [
    ("GET", "/api/jobs"),
    ("POST", "/api/jobs"),
    ("GET", "/api/jobs/1"),
    ("DELETE", "/api/jobs/1"),
    ("GET", "/api/jobs/1/model"),
    ("POST", "/api/jobs/1/predict"),
    ("POST", "/api/devices/register"),
    ("DELETE", "/api/devices/5001"),
    ("POST", "/api/network/initialize/1"),
    ("POST", "/api/network/train/1"),
    ("GET", "/api/previous_teraflops"),
    ("GET", "/api/layers"),
    ("GET", "/api/architectures"),
    ("GET", "/api/sources"),
    ("POST", "/api/datasets/inspect"),
    ("GET", "/api/doctor"),
    ("GET", "/api/jobs/1/trace"),
    ("GET", "/api/jobs/1/logs"),
    ("GET", "/metrics"),
    ("GET", "/api/version"),
    ("GET", "/ready"),
    ("GET", "/nope"),
    ("GET", "/static/x"),
    ("PUT", "/api/jobs"),
    ("POST", "/health"),
    ("POST", "/docs"),
    ("HEAD", "/api/jobs"),
]
LOCKED_FAKE = FakeJobClient()
LOCKED = create_app(LOCKED_FAKE, token=TOKEN, version="9.8.7")


@pytest.fixture
def locked_fake() -> FakeJobClient:
    LOCKED_FAKE.forget()
    return LOCKED_FAKE


@pytest.fixture
def locked(locked_fake: FakeJobClient) -> FlaskClient:
    return LOCKED.test_client()


def test_without_the_token_nothing_is_done(
    locked: FlaskClient, locked_fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for headers in [
        {},
        {"Authorization": "Bearer something-else-altogether"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": TOKEN},
        {"Authorization": ""},
        {"Authorization": "Bearer " + "x" * 100_000},
        {"Authorization": "Bearer caf\xe9"},
        {"X-Api-Key": TOKEN, "Cookie": f"token={TOKEN}"},
    ]:
        for method, path in PRIVATE:
            with subtests.test(headers=headers, method=method, path=path):
                response = locked.open(path, method=method, headers=headers)
                assert response.status_code == 401
                assert response.headers["WWW-Authenticate"] == "Bearer"
                if method != "HEAD":
                    assert TOKEN not in error_of(response, 401)
                assert locked_fake.calls == []


def test_the_token_is_not_taken_from_the_address(locked: FlaskClient) -> None:
    error_of(locked.get(f"/api/jobs?token={TOKEN}"), 401)


def test_the_token_is_asked_for_before_the_body_is_read(
    locked: FlaskClient, locked_fake: FakeJobClient
) -> None:
    error_of(locked.post("/api/jobs", data=b"{" * 1000), 401)
    error_of(locked.post("/api/jobs", data=b"{" * 1000, headers=WITH_TOKEN), 400)


def test_with_the_token_the_api_answers_as_ever(
    locked: FlaskClient, locked_fake: FakeJobClient
) -> None:
    assert locked.get("/api/jobs", headers=WITH_TOKEN).status_code == 200
    assert locked.post("/api/network/initialize/1", headers=WITH_TOKEN).status_code == 200
    assert locked_fake.calls == [("list_jobs", ()), ("initialize", ("1", {}))]
    error_of(locked.get("/nope", headers=WITH_TOKEN), 404)
    error_of(locked.put("/api/jobs", headers=WITH_TOKEN), 405)


def test_the_documentation_and_health_need_no_token(
    locked: FlaskClient, subtests: pytest.Subtests
) -> None:
    for method in ["GET", "HEAD"]:
        for path in PUBLIC:
            with subtests.test(method=method, path=path):
                response = locked.open(path, method=method, follow_redirects=True)
                assert response.status_code == 200
                assert TOKEN.encode() not in response.data


def test_all_that_the_documentation_loads_needs_no_token(locked: FlaskClient) -> None:
    page = locked.get("/docs", follow_redirects=True)
    for url in re.findall(r"""(?:src|href)\s*=\s*["']\s*([^"'\s]+)""", page.text):
        if not url.startswith("data:"):
            with locked.get(urljoin(page.request.path, url), follow_redirects=True) as asset:
                assert asset.status_code == 200, url


def test_every_other_route_needs_the_token(locked: FlaskClient) -> None:
    private = set()
    for rule in LOCKED.url_map.iter_rules():
        blueprint = rule.endpoint.rpartition(".")[0]
        public = {*PUBLIC_BLUEPRINTS, SESSION_BLUEPRINT}  # signing in is test_page_session.py's
        if rule.endpoint in {*DOCUMENTATION, "health"} or blueprint in public:
            continue
        path = re.sub(r"<[^>]+>", "1", rule.rule)
        for method in rule.methods or set():
            assert locked.open(path, method=method).status_code == 401, (method, path)
            private.add(path)
    assert {"/api/jobs", "/ready", "/api/network/train/1"} <= private


def test_options_need_the_token_and_allow_no_other_site(
    locked: FlaskClient, subtests: pytest.Subtests
) -> None:
    for path in ["/api/jobs", "/health", "/docs", "/nope"]:
        with subtests.test(path=path):
            preflight = {
                "Origin": "https://evil.example",
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization",
            }
            response = locked.options(path, headers=preflight)
            error_of(response, 401)
            assert not [name for name, _ in response.headers if name.startswith("Access-Control")]
            answered = locked.options("/api/jobs", headers=WITH_TOKEN)
            assert (answered.status_code, "POST" in answered.headers["Allow"]) == (200, True)


def test_who_has_the_token_may_use_any_name_and_any_page(locked: FlaskClient) -> None:
    headers = {**WITH_TOKEN, "Origin": "https://tandem.example", "Host": "nas.lan:4000"}
    assert locked.get("/api/jobs", headers=headers).status_code == 200


def test_the_token_is_never_logged(
    locked: FlaskClient, locked_fake: FakeJobClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    locked_fake.errors["list_jobs"] = RuntimeError("boom")
    assert TOKEN not in error_of(locked.get("/api/jobs", headers=WITH_TOKEN), 500)
    locked.get("/api/jobs", headers={"Authorization": "Bearer another-secret-word"})
    assert "boom" in caplog.text
    assert TOKEN not in caplog.text and "another-secret-word" not in caplog.text


def test_the_command_that_registers_a_device_sends_the_token_but_does_not_show_it(
    locked: FlaskClient, locked_fake: FakeJobClient
) -> None:
    (device,) = json_of(locked.get("/api/devices", headers=WITH_TOKEN))["devices"]
    assert device["register"].endswith('-H "Authorization: Bearer $TANDEM_API_TOKEN"')
    assert TOKEN not in device["register"]


def document_of(http: FlaskClient) -> dict[str, Any]:
    body: dict[str, Any] = json_of(http.get("/openapi.json"))
    return body


def test_the_document_declares_the_token_where_one_is_needed(locked: FlaskClient) -> None:
    document = document_of(locked)
    (scheme,) = document["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    assert [list(item) for item in document["security"]] == [
        list(document["components"]["securitySchemes"])
    ]
    operations = [(path, op) for path, item in document["paths"].items() for op in item.values()]
    assert [path for path, op in operations if op.get("security") == []] == ["/health"]


def test_the_document_declares_none_where_none_is_needed(http: FlaskClient) -> None:
    document = document_of(http)
    assert not document.get("security") and not document["components"].get("securitySchemes")


# Without a token: what a browser may be made to send by a page of anybody's.


def test_a_foreign_page_can_not_make_it_do_anything(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for path in ["/api/network/initialize/1", "/api/jobs/1/stop"]:
        for origin in ["https://evil.example", "null", "http://localhost:3000", ""]:
            with subtests.test(path=path, origin=origin):
                headers = {"Origin": origin, "Content-Type": "text/plain", "Host": "localhost:4000"}
                text = error_of(http.post(path, data="{}", headers=headers), 403)
                assert "Origin" in text and "token" in text
                assert fake.calls == []


def test_a_page_under_a_rebound_name_sees_nothing(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for method in ["GET", "POST", "OPTIONS", "DELETE"]:
        for path in ["/api/jobs", "/health", "/docs", "/openapi.json", "/nope"]:
            with subtests.test(method=method, path=path):
                text = error_of(
                    http.open(path, method=method, headers={"Host": "evil.example:4000"}), 403
                )
                assert "evil.example" in text and "token" in text
                same = {"Host": "evil.example:4000", "Origin": "http://evil.example:4000"}
                error_of(http.open(path, method=method, headers=same), 403)
                assert fake.calls == []


def test_its_own_page_can_try_the_calls_out(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for host in ["localhost:4000", "127.0.0.1:4000", "[::1]:4000"]:
        with subtests.test(host=host):
            fake.forget()
            own = {"Host": host, "Origin": f"http://{host}"}
            page = http.get("/docs", headers=own, follow_redirects=True)
            assert (page.status_code, page.mimetype) == (200, "text/html")
            assert http.post("/api/network/initialize/1", headers=own).status_code == 200
            assert http.delete("/api/jobs/1", headers=own).status_code == 200
            assert len(fake.calls) == 2


def test_a_foreign_page_is_allowed_nothing_by_a_preflight(http: FlaskClient) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "DELETE"}
    response = http.options("/api/jobs/1", headers=headers)
    error_of(response, 403)
    assert not [name for name, _ in response.headers if name.startswith("Access-Control")]


def test_a_program_sends_neither_header_and_is_served(
    http: FlaskClient, fake: FakeJobClient
) -> None:
    initialize = "/api/network/initialize/1"
    assert http.post(initialize, headers={"Host": "127.0.0.1:4000"}).status_code == 200
    environ = create_environ(initialize, method="POST")
    del environ["HTTP_HOST"]  # as HTTP/1.0 allows; no browser does it
    _, status, _ = run_wsgi_app(http.application, environ)
    assert status == "200 OK"
    assert len(fake.calls) == 2


GETS = ["/api/doctor", "/api/devices", "/api/jobs/1/model", "/api/jobs", "/ready", "/nope"]
LINK = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


def test_what_a_foreign_page_shows_costs_nothing(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for path in [*GETS, "/health", "/docs"]:
        for site in ["cross-site", "same-site", "something new", ""]:
            with subtests.test(path=path, site=site):
                picture = {
                    "Sec-Fetch-Site": site,
                    "Sec-Fetch-Mode": "no-cors",
                    "Sec-Fetch-Dest": "image",
                }
                frame = {
                    "Sec-Fetch-Site": site,
                    "Sec-Fetch-Mode": "navigate",
                    "Sec-Fetch-Dest": "iframe",
                }
                for headers in (picture, frame, {"Sec-Fetch-Site": site}):
                    text = error_of(http.get(path, headers=headers), 403)
                    assert "Sec-Fetch-Site" in text and "token" in text
                assert fake.calls == []


def test_a_link_of_a_foreign_page_leads_to_nothing_of_the_users(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for path in GETS:
        with subtests.test(path=path):
            error_of(http.get(path, headers={**LINK, "Sec-Fetch-Site": "cross-site"}), 403)
            assert fake.calls == []


def test_a_link_of_a_foreign_page_may_lead_to_what_is_public(
    http: FlaskClient, subtests: pytest.Subtests
) -> None:
    for path in PUBLIC:
        with subtests.test(path=path):
            headers = {**LINK, "Sec-Fetch-Site": "cross-site"}
            assert http.get(path, headers=headers, follow_redirects=True).status_code == 200


def test_its_own_page_and_a_typed_address_are_served(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for site in ["same-origin", "none"]:
        with subtests.test(site=site):
            fake.forget()
            assert http.get("/api/doctor", headers={"Sec-Fetch-Site": site}).status_code == 200
            assert (
                http.get("/api/jobs", headers={**LINK, "Sec-Fetch-Site": site}).status_code == 200
            )
            assert len(fake.calls) == 2


def test_with_the_token_it_does_not_matter_whose_page_asks(locked: FlaskClient) -> None:
    headers = {**WITH_TOKEN, "Sec-Fetch-Site": "cross-site"}
    assert locked.get("/api/jobs", headers=headers).status_code == 200


def test_no_page_may_show_it_in_a_frame(http: FlaskClient, subtests: pytest.Subtests) -> None:
    for path in ["/", "/docs", "/openapi/swagger", "/api/jobs", "/nope"]:
        with subtests.test(path=path):
            headers = http.get(path).headers
            assert headers["X-Frame-Options"] == "DENY"
            assert headers["X-Content-Type-Options"] == "nosniff"
