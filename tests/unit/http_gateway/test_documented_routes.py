"""The API document's own calls: what is sent, what comes back, in the order it is shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from http_gateway.operations.table.jobs import USUAL_EPOCHS
from tests.support.answers import json_of
from tests.support.fake_job_client import SUMMARY, TERAFLOPS, FakeJobClient

CREATE = """{
       "model_config": {
         "layer_sizes": [784, 128, 64, 10]
       },
       "dataset_config": {
         "name": "MNIST",
         "batch_size": 256,
         "val_batch_size": 1000,
         "normalize": {
           "mean": [0.1307],
           "std": [0.3081]
         }
       }
     }"""
REGISTER = """{
       "ip": "192.168.1.100",
       "port": 5001,
       "job_id": "1"
     }"""
TRAIN = """{
       "epochs": 10,
       "learning_rate": 0.1
     }"""
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

# path, body, the JobClient's method and arguments, status, answer
POSTS: list[tuple[str, str, str, tuple[Any, ...], int, dict[str, Any]]] = [
    (
        "/api/jobs",
        CREATE,
        "create_job",
        tuple(json.loads(CREATE).values()),
        201,
        {"message": "Job created successfully", "job_id": "1"},
    ),
    (
        "/api/devices/register",
        REGISTER,
        "register_device",
        ("192.168.1.100", 5001, "1"),
        201,
        {"message": "Device registered successfully", "device_id": 1},
    ),
    (
        "/api/network/initialize/1",
        "",
        "initialize",
        ("1", {}),
        200,
        {"message": "Network initialized successfully"},
    ),
    (
        "/api/network/train/1",
        TRAIN,
        "train",
        ("1", {"epochs": 10, "learning_rate": 0.1}),
        200,
        {"message": "Training started", "epochs": 10, "learning_rate": 0.1},
    ),
]


@pytest.mark.parametrize("content_type", [JSON, FORM, "text/plain", None])
@pytest.mark.parametrize(
    ("path", "body", "method", "arguments", "status", "answer"), POSTS, ids=[p[2] for p in POSTS]
)
def test_a_curl_of_the_document_works_whatever_its_content_type(
    http: FlaskClient,
    fake: FakeJobClient,
    path: str,
    body: str,
    method: str,
    arguments: tuple[Any, ...],
    status: int,
    answer: dict[str, Any],
    content_type: str | None,
) -> None:
    response = http.post(path, data=body, content_type=content_type)
    assert response.status_code == status
    assert list(json_of(response).items()) == list(answer.items())
    assert fake.calls == [(method, arguments)]


def test_jobs_are_listed_as_the_document_shows_them(http: FlaskClient) -> None:
    response = http.get("/api/jobs")
    assert response.status_code == 200
    body = json_of(response)
    assert body == {"jobs": [SUMMARY]}
    keys = ["job_id", "status", "devices", "model_config", "dataset_config"]
    assert list(body["jobs"][0]) == keys


def test_no_jobs_are_an_empty_list(http: FlaskClient, fake: FakeJobClient) -> None:
    fake.answers["list_jobs"] = []
    assert json_of(http.get("/api/jobs")) == {"jobs": []}


def test_a_jobs_details_begin_as_the_document_shows_them(
    http: FlaskClient, fake: FakeJobClient
) -> None:
    response = http.get("/api/jobs/1")
    assert response.status_code == 200
    assert list(json_of(response).items())[:5] == list(SUMMARY.items())
    assert fake.calls == [("get_job", ("1", None, USUAL_EPOCHS))]


def test_a_device_is_unregistered_by_its_port(http: FlaskClient, fake: FakeJobClient) -> None:
    response = http.delete("/api/devices/5001")
    assert response.status_code == 200
    assert json_of(response) == {"message": "Device unregistered successfully"}
    assert fake.calls == [("unregister_device", (5001, None, None))]


def test_previous_teraflops_are_a_bare_list(http: FlaskClient) -> None:
    response = http.get("/api/previous_teraflops")
    assert response.status_code == 200
    body = json_of(response)
    assert body == TERAFLOPS
    assert list(body[0]["1"]) == ["forward_tflops", "backward_tflops", "total_tflops"]


def test_configurations_reach_the_job_client_whole_and_as_they_were_sent(
    http: FlaskClient, fake: FakeJobClient
) -> None:
    model = {"seed": None, "layer_sizes": [64, 10]}
    dataset = {
        "shuffle": False,
        "resize": None,
        "normalize": {"std": [1], "mean": [0]},
        "name": "digits",
    }
    http.post("/api/jobs", json={"dataset_config": dataset, "model_config": model})
    ((_, sent),) = fake.calls
    assert [list(part.items()) for part in sent] == [list(dataset.items()), list(model.items())]
    assert isinstance(sent[0]["normalize"]["std"][0], int)


@pytest.mark.parametrize("body", [None, "", "  \n", "{}"])
def test_train_without_a_body_means_the_defaults(
    http: FlaskClient, fake: FakeJobClient, body: str | None
) -> None:
    response = http.post("/api/network/train/1", data=body)
    assert response.status_code == 200
    assert json_of(response) == {"message": "Training started", "epochs": 10, "learning_rate": 0.1}
    assert fake.calls == [("train", ("1", {}))]
