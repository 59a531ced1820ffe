"""The contract's routes that the API document does not have."""

from __future__ import annotations

import platform
import subprocess
import sys
from typing import Any

import pytest
from flask.testing import FlaskClient

from actors.core.schedule.schedules import SCHEDULES
from http_gateway.operations.table.exports import ENDINGS
from tests.support.answers import error_of, json_of
from tests.support.fake_job_client import (
    CHECKPOINTS,
    DATASET,
    EVENTS,
    MODEL,
    PREDICTION,
    READY,
    STEP_LOSSES,
    VERIFIED,
    WEIGHTS,
    FakeJobClient,
)

JOB = {"model_config": MODEL, "dataset_config": DATASET}


def test_a_job_is_deleted(http: FlaskClient, fake: FakeJobClient) -> None:
    response = http.delete("/api/jobs/12")
    assert response.status_code == 200
    assert json_of(response) == {"message": "Job deleted successfully"}
    assert fake.calls == [("delete_job", ("12", False))]


def test_a_job_that_trains_is_deleted_by_force_alone(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for query, force in [("", False), ("false", False), ("true", True)]:
        with subtests.test(query=query, force=force):
            fake.forget()
            path = f"/api/jobs/12?force={query}" if query else "/api/jobs/12"
            assert http.delete(path).status_code == 200
            assert fake.calls == [("delete_job", ("12", force))]


def test_policies_reach_the_job_client_as_they_were_sent(
    http: FlaskClient, fake: FakeJobClient
) -> None:
    policies = {
        "failure_policy": {"max_failures": None, "wait_for_device_s": 60},
        "checkpoints": {"keep_best": 0, "interval_s": 0.1},
    }
    assert http.post("/api/jobs", json={**JOB, **policies}).status_code == 201
    assert http.post("/api/jobs", json={**JOB, "checkpoints": None}).status_code == 201
    assert http.post("/api/jobs", json={**JOB, "failure_policy": {}}).status_code == 201
    sent = [arguments[2:] for _, arguments in fake.calls]
    assert sent == [tuple(policies.values()), (), ({},)]


def test_a_job_is_resumed(http: FlaskClient, fake: FakeJobClient) -> None:
    response = http.post("/api/jobs/12/resume")
    assert response.status_code == 200
    answer = [("message", "Training resumed"), ("status", "training")]
    assert list(json_of(response).items()) == answer
    assert fake.calls == [("resume_job", ("12",))]


def test_a_job_is_verified(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for body, steps in [(None, ()), ({}, ()), ({"steps": 20}, (20,))]:
        with subtests.test(body=body, steps=steps):
            fake.forget()
            response = http.post("/api/jobs/12/verify", json=body)
            assert response.status_code == 200
            assert json_of(response) == VERIFIED
            assert fake.calls == [("verify", ("12", *steps))]


def test_what_is_on_record_of_a_job_is_listed(http: FlaskClient, subtests: pytest.Subtests) -> None:
    listed: dict[str, list[dict[str, Any]]]
    listed = {"checkpoints": CHECKPOINTS, "events": EVENTS, "steps": STEP_LOSSES}
    for noun, records in listed.items():
        with subtests.test(noun=noun, records=records):
            response = http.get(f"/api/jobs/12/{noun}")
            assert response.status_code == 200
            body = json_of(response)
            assert list(body) == [noun, *(["next_after"] if noun == "events" else [])]
            assert [list(r.items()) for r in body[noun]] == [list(r.items()) for r in records]


def test_steps_are_listed_from_where_it_is_asked_for(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for query, arguments in [
        ("", (0, 0, 10_000)),
        ("?after_epoch=2&after_step=7", (2, 7, 10_000)),
        ("?limit=1", (0, 0, 1)),
    ]:
        with subtests.test(query=query, arguments=arguments):
            fake.forget()
            assert http.get(f"/api/jobs/12/steps{query}").status_code == 200
            assert fake.calls == [("list_steps", ("12", *arguments))]


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
    for model_format, ending in ENDINGS.items():
        response = http.get(f"/api/jobs/12/model?format={model_format}")
        assert f"filename=job-12.{ending}" in response.headers["Content-Disposition"]
    assert "one of" in error_of(http.get("/api/jobs/12/model?format=pickle"), 400)


def test_a_clone_answers_as_a_new_job_does(http: FlaskClient, fake: FakeJobClient) -> None:
    response = http.post("/api/jobs/12/clone", json={"model_config": {"seed": None}})
    assert response.status_code == 201
    assert json_of(response) == {"message": "Job created successfully", "job_id": "2"}
    assert fake.calls == [("clone_job", ("12", {"seed": None}))]


def test_predict_hands_over_the_rows_and_answers_one_entry_a_row(
    http: FlaskClient, fake: FakeJobClient
) -> None:
    response = http.post("/api/jobs/1/predict", json={"inputs": [[255, 0.5]]})
    assert response.status_code == 200
    assert list(json_of(response).items()) == list(PREDICTION.items())
    assert fake.calls == [("predict", ("1", [[255.0, 0.5]]))]


def test_every_train_option_is_passed_on_and_no_other_is_added(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for options in [
        {"epochs": 1, "learning_rate": 1},
        {"epochs": 100_000, "learning_rate": 1000.0, "num_microbatches": 4096, "threads": 256},
        *[{"epochs": 2, "learning_rate": 1e-9, "schedule": name} for name in SCHEDULES],
    ]:
        with subtests.test(options=options):
            fake.forget()
            assert http.post("/api/network/train/1", json=options).status_code == 200
            assert fake.calls == [("train", ("1", options))]


TRAIN_CONFIG = {
    "epochs": 2,
    "learning_rate": 0.5,
    "optimizer": {"type": "AdamW", "betas": [0.9, 0.99]},
    "lr_schedule": "cosine",
    "clip_grad_norm": 1,
    "clip_grad_value": 0.5,
    "accumulate": 2,
    "max_steps": 100,
    "eval_every": 10,
    "early_stopping": {"metric": "loss"},
    "freeze": ["0", "*.bias"],
    "precision": "bf16",
    "wire": "int8",
    "label_smoothing": 0.1,
}


def test_a_train_config_is_passed_on_as_it_was_sent(http: FlaskClient, fake: FakeJobClient) -> None:
    model, data = {"layer_sizes": [64, 10]}, {"name": "digits"}
    body = {"model_config": model, "dataset_config": data, "train_config": TRAIN_CONFIG}
    assert http.post("/api/jobs", json=body).status_code == 201
    assert fake.calls == [("create_job", (model, data, TRAIN_CONFIG))]
    assert http.post("/api/network/train/1", json=TRAIN_CONFIG).status_code == 200
    assert fake.calls[1] == ("train", ("1", TRAIN_CONFIG))


def test_each_field_of_a_train_config_is_refused_by_its_name(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for name in sorted(TRAIN_CONFIG):
        with subtests.test(name=name):
            data = {"model_config": {"layer_sizes": [64, 10]}, "dataset_config": {"name": "digits"}}
            for value in (-1, 10**400, True, [[1]]):
                body = {**data, "train_config": {name: value}}
                response = http.post("/api/jobs", json=body)
                assert response.status_code == 400
                assert f"train_config.{name}" in json_of(response)["error"]
            assert fake.calls == []


def test_a_device_is_narrowed_down_by_ip_and_job(http: FlaskClient, fake: FakeJobClient) -> None:
    assert http.delete("/api/devices/5001?ip=10.0.0.2&job_id=3").status_code == 200
    assert fake.calls == [("unregister_device", (5001, "10.0.0.2", "3"))]


def test_every_kind_of_address_can_be_registered(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for port in [1, 65_535]:
        for ip in ["localhost", "127.0.0.1", "10.0.0.2", "::1", "fe80::1%eth0"]:
            with subtests.test(port=port, ip=ip):
                fake.forget()
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


def test_the_gateway_needs_no_torch() -> None:
    modules = "http_gateway.process.serve, http_gateway.app, http_gateway.calls.ray_job_client"
    code = f"import sys, {modules}; print({{'torch', 'sqlalchemy'}} & set(sys.modules))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "set()"


def test_jobs_are_compared(http: FlaskClient, fake: FakeJobClient) -> None:
    told = {"jobs": ["3", "5"], "differences": {}, "results": {}}
    fake.answers["compare_jobs"] = told
    assert json_of(http.get("/api/compare?jobs=3,5")) == told
    assert fake.calls == [("compare_jobs", ("3,5",))]
    fake.forget()
    for query in ("", "?jobs=", "?jobs=3,,5", "?jobs=3 5", f"?jobs={'1,' * 32}1"):
        assert error_of(http.get(f"/api/compare{query}"), 400).startswith("jobs is ")
    assert fake.calls == []
