"""Errors of the JobClient become a status and the API's error body."""

from __future__ import annotations

import logging
import pickle
import re

import pytest
from flask.testing import FlaskClient

from http_gateway.client import ApiError
from orchestrator import errors
from tests.support.answers import error_of
from tests.support.fake_job_client import FakeJobClient

STATUSES = {
    "CallerError": 400,
    "InvalidRequest": 400,
    "NotFound": 404,
    "JobNotFound": 404,
    "JobBroken": 409,
    "DeviceNotFound": 404,
    "NodeNotFound": 404,
    "NoTrainingSessions": 404,
    "Conflict": 409,
    "IllegalTransition": 409,
    "DeviceBusy": 409,
    "DeviceAlreadyRegistered": 409,
    "AmbiguousDevice": 409,
    "DatasetNotFound": 404,
    "DatasetUnavailable": 409,
    "DatasetChanged": 409,
    "NoTrainedWeights": 409,
    "ProbeFailed": 409,
    "TandemError": 500,
    "StageFailure": 500,
    "Unavailable": 503,
    "ClusterUnavailable": 503,
    "VersionMismatch": 503,
    "DeviceStartFailed": 503,
    "ReplayFailed": 503,
    "StorageUnavailable": 503,
    "CheckpointDamaged": 503,
    "CheckpointTooNew": 503,
    "StoreFenced": 503,
}
ROUTES = [
    ("GET", "/api/jobs", "list_jobs"),
    ("GET", "/api/jobs/1", "get_job"),
    ("POST", "/api/jobs/1/clone", "clone_job"),
    ("DELETE", "/api/jobs/1", "delete_job"),
    ("POST", "/api/jobs/1/stop", "stop_job"),
    ("POST", "/api/jobs/1/resume", "resume_job"),
    ("POST", "/api/jobs/1/verify", "verify"),
    ("GET", "/api/jobs/1/checkpoints", "list_checkpoints"),
    ("GET", "/api/jobs/1/events", "list_events"),
    ("GET", "/api/events", "list_all_events"),
    ("GET", "/api/jobs/1/metrics", "get_metrics"),
    ("GET", "/api/jobs/1/steps", "list_steps"),
    ("GET", "/api/jobs/1/model", "get_model"),
    ("DELETE", "/api/devices/5001", "unregister_device"),
    ("POST", "/api/network/initialize/1", "initialize"),
    ("POST", "/api/network/plan/1", "plan"),
    ("GET", "/api/jobs/1/plan", "get_plan"),
    ("POST", "/api/network/train/1", "train"),
    ("GET", "/api/previous_teraflops", "previous_teraflops"),
    ("GET", "/api/layers", "list_layers"),
    ("GET", "/api/architectures", "list_architectures"),
    ("GET", "/api/sources", "list_sources"),
    ("GET", "/api/doctor", "doctor"),
    ("GET", "/ready", "ready"),
]
SECRET = "token-4711"


def test_every_error_of_the_orchestrator_has_its_status_here() -> None:
    assert sorted(STATUSES) == errors.__all__


def test_an_error_becomes_its_status_and_keeps_its_text(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for name in STATUSES:
        with subtests.test(name=name):
            fake.forget()
            fake.errors["get_job"] = getattr(errors, name)("Widgets “ä” are out\n of stock")
            assert (
                error_of(http.get("/api/jobs/1"), STATUSES[name])
                == "Widgets “ä” are out\n of stock"
            )


def test_every_route_passes_on_what_the_job_client_says(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for method, path, call in ROUTES:
        with subtests.test(method=method, path=path, call=call):
            fake.forget()
            fake.errors[call] = errors.JobNotFound("Job not found")
            assert error_of(http.open(path, method=method), 404) == "Job not found"


@pytest.mark.parametrize(("method", "path", "call"), ROUTES, ids=[r[2] for r in ROUTES])
def test_an_unexpected_error_is_told_by_an_id_and_nothing_else(
    http: FlaskClient,
    fake: FakeJobClient,
    caplog: pytest.LogCaptureFixture,
    method: str,
    path: str,
    call: str,
) -> None:
    fake.errors[call] = RuntimeError(SECRET)
    with caplog.at_level(logging.ERROR, "http_gateway.errors"):
        response = http.open(path, method=method)
    text = error_of(response, 500)
    found = re.fullmatch(r"Internal error ([0-9a-f]{8}); the gateway's log has the details", text)
    assert found is not None
    assert SECRET not in str(response.headers)
    (record,) = caplog.records
    assert found[1] in record.getMessage() and path in record.getMessage()
    assert record.exc_info is not None and SECRET in str(record.exc_info[1])


def test_two_unexpected_errors_have_two_ids(http: FlaskClient, fake: FakeJobClient) -> None:
    fake.errors["get_job"] = MemoryError()
    assert error_of(http.get("/api/jobs/1"), 500) != error_of(http.get("/api/jobs/1"), 500)


def test_an_error_of_the_api_can_be_pickled_and_its_text_is_the_sentence_alone() -> None:
    copy = pickle.loads(pickle.dumps(ApiError(409, "Device is held by job 3")))
    assert (copy.status, copy.message, str(copy)) == (409, *["Device is held by job 3"] * 2)
