"""Unknown fields and hostile texts: named, shortened, and never passed on."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from flask.testing import FlaskClient
from pydantic import ValidationError

from http_gateway.operations.validation_text import validation_text
from http_gateway.schemas.training import Train
from tests.support.answers import error_of
from tests.support.fake_job_client import FakeJobClient

INITIALIZE = "/api/network/initialize/1"
TRAIN = "/api/network/train/1"
MEGABYTE = "x" * 2**20
JOB: dict[str, Any] = {
    "model_config": {"layer_sizes": [784, 10]},
    "dataset_config": {"name": "MNIST"},
}


def refused(http: FlaskClient, fake: FakeJobClient, path: str, body: Any) -> str:
    response = http.post(path, data=json.dumps(body))
    assert fake.calls == []
    return error_of(response, 400)


def test_an_unknown_field_is_named_with_those_there_are(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for path, body, text in [
        ("/api/jobs", {**JOB, "name": 1}, 'the request has no field "name"; it has: model_config'),
        (
            "/api/jobs",
            {**JOB, "model_config": {"layer_sizes": [784, 10], "bias": True}},
            'model_config has no field "bias"; it has: layer_sizes, layers, ',
        ),
        (
            "/api/devices/register",
            {"ip": "10.0.0.1", "port": 1, "job_id": "1", "name": "cam"},
            'the request has no field "name"; it has: ip, port, job_id',
        ),
        (TRAIN, {"epoch": 1}, 'did you mean "epochs"?'),
        (TRAIN, {"job_id": "1"}, 'the request has no field "job_id"; it has: epochs'),
        ("/api/jobs/1/predict", {"inputs": [[1, 2]], "k": 5}, 'no field "k"; it has: inputs'),
        (INITIALIZE, {"seed": 1}, 'no field "seed"; it has: partition, devices'),
        (
            INITIALIZE,
            {"devices": {"2": {"memory_bytes": 1}}},
            'devices.2 has no field "memory_bytes"; it has: max_memory_bytes, threads; did you '
            'mean "max_memory_bytes"?',
        ),
        (
            "/api/network/plan/1",
            {"epochs": 1},
            'no field "epochs"; it has: partition, devices, schedule, num_microbatches, threads',
        ),
        ("/api/jobs/1/verify", {"step": 1}, 'no field "step"; it has: steps'),
        ("/api/jobs/1/stop", {"now": True}, 'no field "now"; it takes no fields'),
        ("/api/jobs/1/resume", {"at": 1}, 'no field "at"; it takes no fields'),
        (
            "/api/jobs",
            {**JOB, "failure_policy": {"max_failure": 1}},
            'failure_policy has no field "max_failure"; it has: max_failures, min_devices',
        ),
        (
            "/api/jobs",
            {**JOB, "checkpoints": {"every_s": 1}},
            'checkpoints has no field "every_s"; it has: interval_s, keep_last, keep_best',
        ),
    ]:
        with subtests.test(path=path, body=body, text=text):
            fake.forget()
            assert text in refused(http, fake, path, body)


def test_three_errors_are_told_at_once_and_no_more(http: FlaskClient, fake: FakeJobClient) -> None:
    text = refused(http, fake, TRAIN, {"epochs": 0, "learning_rate": 0, "threads": 0, "x": 1})
    assert [part.split()[0] for part in text.split("; ")] == ["epochs", "learning_rate", "threads"]


def test_a_field_of_any_name_is_refused(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for path in [INITIALIZE, TRAIN, "/api/jobs"]:
        for name in ["", "\0", "\ud800", "a\nb", '"', "\u202e", "ﬀ", MEGABYTE]:
            with subtests.test(path=path, name=name):
                fake.forget()
                body = {**JOB, name: 1} if path == "/api/jobs" else {name: 1}
                assert f'the request has no field "{name[:40]}' in refused(http, fake, path, body)


def test_a_text_of_any_kind_is_refused_where_it_does_not_belong(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for field in ["epochs", "schedule"]:
        for value in ["\0", "\ud800", "\ude00\ud83d", "a\nb", MEGABYTE, [MEGABYTE]]:
            with subtests.test(field=field, value=value):
                fake.forget()
                assert refused(http, fake, TRAIN, {field: value}).startswith(
                    f"{field} is {value!r}"[:40]
                )


def test_a_large_value_is_shown_by_its_beginning(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for value in [["x"] * 50_000, {"y": [[MEGABYTE]]}, [{"a": "b"}] * 50_000]:
        with subtests.test(value=value):
            fake.forget()
            text = refused(http, fake, TRAIN, {"epochs": value})
            assert (
                text.startswith(f"epochs is {str(value)[:3]}")
                and "…, but must be an integer" in text
            )


def test_an_address_of_any_length_is_refused_in_a_short_text(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for ip in [MEGABYTE, "fe80::1%" + MEGABYTE, "\ud800"]:
        with subtests.test(ip=ip):
            fake.forget()
            body = {"ip": ip, "port": 5001, "job_id": "1"}
            assert refused(http, fake, "/api/devices/register", body).startswith("ip is ")


def test_a_data_sets_name_is_refused_when_no_data_set_could_have_it(
    http: FlaskClient, fake: FakeJobClient
) -> None:
    text = refused(http, fake, "/api/jobs", {**JOB, "dataset_config": {"name": MEGABYTE}})
    assert text.endswith("but must be a string of at most 64 characters")


def test_only_the_first_of_many_wrong_numbers_is_looked_at(
    http: FlaskClient, fake: FakeJobClient
) -> None:
    body = {"inputs": [["x"] * 1000, [None]]}
    text = refused(http, fake, "/api/jobs/1/predict", body)
    assert text == "inputs[0][0] is 'x', but must be a finite number"


def test_a_text_is_made_without_working_on_all_of_a_large_value(subtests: pytest.Subtests) -> None:
    for body, copies in [
        ({MEGABYTE: 1}, 2),
        ({"epochs": [MEGABYTE]}, 0.5),
        ({"epochs": MEGABYTE}, 0.5),
    ]:
        with subtests.test(body=body, copies=copies):
            with pytest.raises(ValidationError) as caught:
                Train.model_validate(body)
            tracemalloc.start()
            validation_text(caught.value, Train)
            _, peak_bytes = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert peak_bytes < copies * len(MEGABYTE)
