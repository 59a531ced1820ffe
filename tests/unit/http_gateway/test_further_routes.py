"""The contract's routes that the API document does not have."""

from __future__ import annotations

import platform
import subprocess
import sys
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support.answers import json_of
from tests.support.fake_job_client import PREDICTION, READY, WEIGHTS, FakeJobClient


def test_a_job_is_deleted(http: FlaskClient, fake: FakeJobClient) -> None:
    response = http.delete("/api/jobs/12")
    assert response.status_code == 200
    assert json_of(response) == {"message": "Job deleted successfully"}
    assert fake.calls == [("delete_job", ("12",))]


def test_a_job_is_stopped(http: FlaskClient, fake: FakeJobClient) -> None:
    response = http.post("/api/jobs/12/stop")
    assert response.status_code == 200
    assert list(json_of(response).items()) == [("message", "Job stopping"), ("status", "training")]
    assert fake.calls == [("stop_job", ("12",))]


def test_the_model_is_a_file_of_bytes_named_after_its_job(http: FlaskClient) -> None:
    response = http.get("/api/jobs/12/model")
    assert (response.status_code, response.data) == (200, WEIGHTS)
    assert response.content_type == "application/octet-stream"
    assert "job-12.safetensors" in response.headers["Content-Disposition"]


def test_predict_hands_over_the_rows_and_answers_one_entry_a_row(
    http: FlaskClient, fake: FakeJobClient
) -> None:
    response = http.post("/api/jobs/1/predict", json={"inputs": [[0, 255, 0.5]]})
    assert response.status_code == 200
    assert list(json_of(response).items()) == list(PREDICTION.items())
    assert fake.calls == [("predict", ("1", [[0.0, 255.0, 0.5]]))]


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": 1, "learning_rate": 1},
        {"epochs": 100_000, "learning_rate": 1000.0, "num_microbatches": 4096, "threads": 256},
        {"epochs": 2, "learning_rate": 1e-9, "schedule": "gpipe"},
    ],
)
def test_every_train_option_is_passed_on_and_no_other_is_added(
    http: FlaskClient, fake: FakeJobClient, options: dict[str, Any]
) -> None:
    assert http.post("/api/network/train/1", json=options).status_code == 200
    assert fake.calls == [("train", ("1", options))]


def test_a_device_is_narrowed_down_by_ip_and_job(http: FlaskClient, fake: FakeJobClient) -> None:
    assert http.delete("/api/devices/5001?ip=10.0.0.2&job_id=3").status_code == 200
    assert fake.calls == [("unregister_device", (5001, "10.0.0.2", "3"))]


@pytest.mark.parametrize("ip", ["localhost", "127.0.0.1", "10.0.0.2", "::1", "fe80::1%eth0"])
@pytest.mark.parametrize("port", [1, 65_535])
def test_every_kind_of_address_can_be_registered(
    http: FlaskClient, fake: FakeJobClient, ip: str, port: int
) -> None:
    body = {"ip": ip, "port": port, "job_id": "1"}
    assert http.post("/api/devices/register", json=body).status_code == 201
    assert fake.calls == [("register_device", (ip, port, "1"))]


def test_health_asks_nobody(http: FlaskClient, fake: FakeJobClient) -> None:
    assert json_of(http.get("/health")) == {"status": "ok"}
    assert fake.calls == []


def test_ready_tells_what_the_job_client_found(http: FlaskClient) -> None:
    assert json_of(http.get("/ready")) == {"ready": True, **READY}


def test_the_version_names_all_that_runs(http: FlaskClient) -> None:
    body = json_of(http.get("/api/version"))
    assert list(body) == ["version", "python", "ray", "torch"]
    assert (body["version"], body["python"]) == ("9.8.7", platform.python_version())


def test_the_application_needs_neither_ray_nor_torch() -> None:
    code = "import sys, http_gateway.app; print({'ray', 'torch'} & set(sys.modules))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "set()"
