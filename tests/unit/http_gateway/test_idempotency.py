"""``Idempotency-Key``: what is done once, what is answered again, and what is forgotten."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from http_gateway.app import create_app
from orchestrator.errors import Conflict, InvalidRequest, JobNotFound, Unavailable
from tests.support.answers import error_of, json_of
from tests.support.fake_job_client import DATASET, MODEL, FakeJobClient

JOB = {"model_config": MODEL, "dataset_config": DATASET}
KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
CREATED = {"message": "Job created successfully", "job_id": "1"}


def names(fake: FakeJobClient) -> list[str]:
    return [name for name, _ in fake.calls]


def fingerprint(http: FlaskClient, fake: FakeJobClient, path: str, **sent: Any) -> str:
    """Under which a request is begun."""
    fake.forget()
    http.post(path, headers=KEY, **sent)
    (key, found) = dict(fake.calls)["begin_request"]
    assert key == KEY["Idempotency-Key"]
    return str(found)


def test_a_first_request_is_begun_done_and_its_answer_kept(
    http: FlaskClient, fake: FakeJobClient
) -> None:
    response = http.post("/api/jobs", json=JOB, headers=KEY)
    assert (response.status_code, json_of(response)) == (201, CREATED)
    assert "Idempotent-Replayed" not in response.headers
    assert names(fake) == ["begin_request", "create_job", "finish_request"]
    assert fake.calls[2][1] == (KEY["Idempotency-Key"], {"status": 201, "body": CREATED})


def test_a_second_one_gets_the_first_ones_answer(http: FlaskClient, fake: FakeJobClient) -> None:
    fake.answers["begin_request"] = {"status": 201, "body": {**CREATED, "job_id": "7"}}
    response = http.post("/api/jobs", json=JOB, headers=KEY)
    assert (response.status_code, response.headers["Idempotent-Replayed"]) == (201, "true")
    assert list(json_of(response).items()) == [*list(CREATED.items())[:1], ("job_id", "7")]
    assert names(fake) == ["begin_request"]


@pytest.mark.parametrize(
    ("error", "status"),
    [(InvalidRequest("another request"), 400), (Conflict("under way"), 409)],
)
def test_what_the_job_manager_refuses_is_not_done(
    http: FlaskClient, fake: FakeJobClient, error: Exception, status: int
) -> None:
    fake.errors["begin_request"] = error
    assert error_of(http.post("/api/jobs", json=JOB, headers=KEY), status) == str(error)
    assert names(fake) == ["begin_request"]


@pytest.mark.parametrize(
    ("error", "status"), [(JobNotFound("no"), 404), (Unavailable("no"), 503), (KeyError("x"), 500)]
)
def test_a_request_that_fails_is_forgotten(
    http: FlaskClient, fake: FakeJobClient, error: Exception, status: int
) -> None:
    fake.errors["train"] = error
    assert http.post("/api/network/train/1", headers=KEY).status_code == status
    assert names(fake) == ["begin_request", "train", "drop_request"]


def test_a_body_that_is_refused_is_forgotten(http: FlaskClient, fake: FakeJobClient) -> None:
    assert http.post("/api/jobs", data="{", headers=KEY).status_code == 400
    assert names(fake) == ["begin_request", "drop_request"]


@pytest.mark.parametrize("key", ["", " ", "a b", "ä", "\x7f", "k" * 256])
def test_a_key_is_visible_ascii(http: FlaskClient, fake: FakeJobClient, key: str) -> None:
    text = error_of(http.post("/api/jobs", json=JOB, headers={"Idempotency-Key": key}), 400)
    assert text.startswith("Idempotency-Key is ") and "1 to 255 visible ASCII" in text
    assert fake.calls == []


@pytest.mark.parametrize("key", ["!", "~", "k" * 255])
def test_a_key_of_any_allowed_kind_is_taken(
    http: FlaskClient, fake: FakeJobClient, key: str
) -> None:
    assert http.post("/api/jobs", json=JOB, headers={"Idempotency-Key": key}).status_code == 201
    assert fake.calls[0][1][0] == key


def test_a_fingerprint_is_of_path_query_and_body(http: FlaskClient, fake: FakeJobClient) -> None:
    first = fingerprint(http, fake, "/api/network/train/1", data='{"epochs": 1}')
    assert first == fingerprint(http, fake, "/api/network/train/1", data='{"epochs": 1}')
    others = {
        fingerprint(http, fake, "/api/network/train/2", data='{"epochs": 1}'),
        fingerprint(http, fake, "/api/network/train/1", data='{"epochs": 2}'),
        fingerprint(http, fake, "/api/network/train/1"),
        fingerprint(http, fake, "/api/jobs/1/stop"),
    }
    assert len(others | {first}) == 5
    assert len(first) == 64


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/api/jobs"), ("DELETE", "/api/jobs/1"), ("GET", "/health")]
)
def test_other_methods_do_not_look_at_it(
    http: FlaskClient, fake: FakeJobClient, method: str, path: str
) -> None:
    assert http.open(path, method=method, headers=KEY).status_code == 200
    assert "begin_request" not in names(fake)


def test_a_path_that_is_not_there_begins_nothing(http: FlaskClient, fake: FakeJobClient) -> None:
    assert http.post("/api/nothing", headers=KEY).status_code == 404
    assert http.post("/api/previous_teraflops", headers=KEY).status_code == 405
    assert fake.calls == []


def test_the_next_request_knows_nothing_of_it(http: FlaskClient, fake: FakeJobClient) -> None:
    http.post("/api/jobs", json=JOB, headers=KEY)
    fake.forget()
    http.post("/api/jobs", json=JOB)
    assert names(fake) == ["create_job"]


def test_a_stranger_is_told_no_stored_answer(fake: FakeJobClient) -> None:
    fake.answers["begin_request"] = {"status": 201, "body": CREATED}
    http = create_app(fake, token="t" * 32, version="0").test_client()
    assert http.post("/api/jobs", json=JOB, headers=KEY).status_code == 401
    assert fake.calls == []
    own = {**KEY, "Authorization": "Bearer " + "t" * 32}
    assert json_of(http.post("/api/jobs", json=JOB, headers=own)) == CREATED


@pytest.mark.parametrize("method", ["finish_request", "drop_request"])
def test_an_answer_that_can_not_be_kept_is_given_all_the_same(
    http: FlaskClient, fake: FakeJobClient, method: str
) -> None:
    fake.errors[method] = Unavailable("The JobManager is being started again")
    if method == "drop_request":
        fake.errors["train"] = JobNotFound("Job not found")
        assert error_of(http.post("/api/network/train/9", headers=KEY), 404) == "Job not found"
    else:
        assert json_of(http.post("/api/jobs", json=JOB, headers=KEY)) == CREATED
