"""Unknown paths, wrong methods, ports and query parameters that can't be."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.support.answers import error_of
from tests.support.fake_job_client import FakeJobClient

PORT = "an integer from 1 to 65535"


def test_a_port_that_can_not_be_is_refused(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for port in ["abc", "0", "70000", "65536", "-1", "5001.5", "1e3", "0x10", "five", "9" * 5000]:
        with subtests.test(port=port):
            text = error_of(http.delete(f"/api/devices/{port}"), 400)
            assert text.startswith(f"port is '{port[:40]}") and text.endswith(f"but must be {PORT}")
            assert fake.calls == []


def test_a_port_is_written_in_plain_digits(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for port in ["5_001", "+5001", "%205001", "5001%0a", "5001.0", "٥"]:
        with subtests.test(port=port):
            assert error_of(http.delete(f"/api/devices/{port}"), 400).endswith(
                f"but must be {PORT}"
            )
            assert fake.calls == []


def test_an_unknown_query_parameter_is_refused_with_those_there_are(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for method, path, takes in [
        ("GET", "/api/jobs?status=created", "/api/jobs takes none"),
        ("POST", "/api/jobs?x=", "/api/jobs takes none"),
        ("GET", "/api/jobs/1?ip=10.0.0.1", "/api/jobs/1 takes after_epoch, history_limit"),
        ("GET", "/api/jobs/1/model?x", "/api/jobs/1/model takes checkpoint, format"),
        ("POST", "/api/network/train/1?epochs=3", "/api/network/train/1 takes none"),
        ("GET", "/api/previous_teraflops?job_id=1", "/api/previous_teraflops takes limit"),
        ("DELETE", "/api/devices/5001?IP=10.0.0.1", "/api/devices/5001 takes ip, job_id"),
        ("DELETE", "/api/devices/5001?ip=10.0.0.1&job=1", "/api/devices/5001 takes ip, job_id"),
        ("GET", f"/api/jobs?{'x' * 10_000}=1", "/api/jobs takes none"),
    ]:
        with subtests.test(method=method, path=path, takes=takes):
            text = error_of(http.open(path, method=method), 400)
            assert text.startswith("Unknown query parameter '") and text.endswith(takes)
            assert fake.calls == []


def test_an_address_to_choose_by_must_be_one(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for ip in ["", "laptop", "10.0.0", "%00", "%ff", "x" * 10_000]:
        with subtests.test(ip=ip):
            text = error_of(http.delete(f"/api/devices/5001?ip={ip}"), 400)
            assert text.startswith("ip is '")
            assert fake.calls == []


def test_an_unknown_path_is_not_found(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for path in [
        "/nope",
        "/api",
        "/api/nope",
        "/api/nope?x=1",
        "/api/jobs/",
        "/API/jobs",
        "/api/jobs/1/nope",
        "/api/jobs/1/2/model",
        "/api/devices/",
        "/api/network/train",
        "/docs/x",
        "/api/%ff%00",
        "/" + "x" * 10_000,
    ]:
        for method in ["GET", "POST", "DELETE"]:
            with subtests.test(path=path, method=method):
                text = error_of(http.open(path, method=method), 404)
                assert text.startswith("There is nothing at /") and "/docs" in text
                assert fake.calls == []


def test_assets_lead_to_no_other_files(http: FlaskClient) -> None:
    error_of(http.get("/openapi/swagger/../../../flask_openapi3/openapi.py"), 404)


def test_a_wrong_method_is_answered_with_those_there_are(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for method, path, allowed in [
        ("PUT", "/api/jobs", "GET, HEAD, OPTIONS, POST"),
        ("DELETE", "/api/jobs", "GET, HEAD, OPTIONS, POST"),
        ("PATCH", "/api/jobs?x=1", "GET, HEAD, OPTIONS, POST"),
        ("POST", "/api/jobs/1", "DELETE, GET, HEAD, OPTIONS"),
        ("GET", "/api/jobs/1/stop", "OPTIONS, POST"),
        ("GET", "/api/network/train/1", "OPTIONS, POST"),
        ("GET", "/api/network/initialize/1", "OPTIONS, POST"),
        ("POST", "/api/devices", "GET, HEAD, OPTIONS"),
        ("POST", "/api/devices/5001", "DELETE, OPTIONS"),
        ("POST", "/api/previous_teraflops", "GET, HEAD, OPTIONS"),
        ("TRACE", "/health", "GET, HEAD, OPTIONS"),
        ("BREW", "/ready", "GET, HEAD, OPTIONS"),
        ("DELETE", "/openapi.json", "GET, HEAD, OPTIONS"),
    ]:
        with subtests.test(method=method, path=path, allowed=allowed):
            response = http.open(path, method=method)
            text = error_of(response, 405)
            assert f"does not take {method}; it takes {allowed}" in text
            assert response.headers["Allow"] == allowed
            assert fake.calls == []


def test_head_answers_as_get_without_a_body(http: FlaskClient, subtests: pytest.Subtests) -> None:
    for path, status in [("/api/jobs", 200), ("/nope", 404)]:
        with subtests.test(path=path, status=status):
            response = http.head(path)
            assert (response.status_code, response.data) == (status, b"")


def test_a_jobs_id_of_any_kind_is_left_to_the_job_client(
    http: FlaskClient, fake: FakeJobClient
) -> None:
    http.get("/api/jobs/%00%2e%2e")
    http.get("/api/jobs/" + "9" * 1000)
    assert [arguments[0] for _, arguments in fake.calls] == ["\0..", "9" * 1000]


def test_doubled_slashes_are_no_redirect(http: FlaskClient) -> None:
    assert "/api//jobs" in error_of(http.get("/api//jobs"), 404)
