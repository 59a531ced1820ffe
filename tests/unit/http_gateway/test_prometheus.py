"""The page for Prometheus, read as Prometheus reads it."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from actors.core.errors import Unavailable
from http_gateway.app import create_app
from http_gateway.prometheus import page
from tests.support.fake_job_client import FakeJobClient

STATS = {
    "forward_tflops": 0.5,
    "backward_tflops": 0.25,
    "total_tflops": 0.75,
    "computing_s": 10.0,
    "waiting_s": 2.5,
    "updating_s": 1.0,
    "snapshots_s": 0.125,
    "snapshot_interval_s": None,
    "max_activations_held": 2,
    "bytes_sent": 4096,
    "power_w": None,
}
TRAINING = {
    "job_id": "7",
    "status": "training",
    "epoch": 3,
    "step": 12,
    "loss": 0.625,
    "samples_per_s": 1500.0,
    "failures": 1,
    "lost_steps": 4,
    "devices": {"1": STATS},
}
FIGURES = {
    "jobs_by_status": {"training": 1, "failed": 0},
    "jobs": [{"job_id": "2", "status": "created", "devices": {}}, TRAINING],
}


@pytest.fixture
def own_fake() -> FakeJobClient:
    return FakeJobClient(answers={"figures": FIGURES})


@pytest.fixture
def own_http(own_fake: FakeJobClient) -> FlaskClient:
    return create_app(own_fake, version="0").test_client()


def scraped(http: FlaskClient) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    response = http.get("/metrics")
    assert response.status_code == 200 and response.mimetype == "text/plain"
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def value(found: dict[Any, float], name: str, **labels: str) -> float | None:
    return found.get((name, frozenset(labels.items())))


def test_jobs_and_their_devices_are_told(own_http: FlaskClient) -> None:
    found = scraped(own_http)
    assert value(found, "tandem_up") == 1
    assert value(found, "tandem_jobs", status="training") == 1
    assert value(found, "tandem_jobs", status="failed") == 0
    assert value(found, "tandem_job_status", job_id="7", status="training") == 1
    for name, expected in [
        ("loss", 0.625),
        ("epoch", 3),
        ("step", 12),
        ("samples_per_second", 1500),
        ("failures", 1),
        ("lost_steps", 4),
    ]:
        assert value(found, f"tandem_job_{name}", job_id="7") == expected
    own = {"job_id": "7", "device_id": "1"}
    assert value(found, "tandem_device_tflops", **own, **{"pass": "forward"}) == 0.5
    assert value(found, "tandem_device_seconds_total", **own, kind="waiting") == 2.5
    assert value(found, "tandem_device_bytes_total", **own, direction="sent") == 4096
    assert value(found, "tandem_device_max_activations_held", **own) == 2


def test_what_is_not_known_has_no_sample(own_http: FlaskClient) -> None:
    found = scraped(own_http)
    assert value(found, "tandem_job_loss", job_id="2") is None
    assert value(found, "tandem_device_power_watts", job_id="7", device_id="1") is None


def test_the_job_manager_is_asked_once_a_second_at_most(
    own_http: FlaskClient, own_fake: FakeJobClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    clock = SimpleNamespace(monotonic=lambda: now[0], perf_counter=time.perf_counter)
    monkeypatch.setattr(page, "time", clock)
    for seconds, asked in [(0.0, 1), (0.9, 1), (1.0, 2)]:
        now[0] = 100.0 + seconds
        scraped(own_http)
        assert own_fake.calls == [("figures", ())] * asked


def test_a_job_manager_that_is_gone_is_down_and_no_error(
    own_http: FlaskClient, own_fake: FakeJobClient
) -> None:
    own_fake.errors["figures"] = Unavailable("The JobManager is gone: try again")
    found = scraped(own_http)
    assert value(found, "tandem_up") == 0
    assert not [name for name, _ in found if name.startswith(("tandem_job", "tandem_device"))]


def test_requests_count_by_operation_and_status(own_http: FlaskClient) -> None:
    own_http.get("/api/jobs")
    own_http.get("/api/jobs")
    own_http.post("/api/jobs", json={})
    for path in ("/nope", "/api/also/nope"):
        own_http.get(path)
    found = scraped(own_http)
    counted = "tandem_gateway_request_seconds_count"
    assert value(found, counted, operation="list_jobs", status="200") == 2
    assert value(found, counted, operation="create_job", status="400") == 1
    assert value(found, counted, operation="other", status="404") == 2


def test_requests_that_are_refused_count_and_the_page_needs_the_token(
    own_fake: FakeJobClient,
) -> None:
    token = "correct-horse-battery-staple"
    http = create_app(own_fake, version="0", token=token).test_client()
    assert http.get("/metrics").status_code == 401
    text = http.get("/metrics", headers={"Authorization": f"Bearer {token}"}).text
    assert 'request_seconds_count{operation="prometheus",status="401"} 1.0' in text
