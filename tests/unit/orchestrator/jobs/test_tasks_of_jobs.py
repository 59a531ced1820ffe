"""A job's task: what its model has to give, what it shows, what it predicts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from actors.core.errors import InvalidRequest
from actors.core.model.blocks import build_blocks
from actors.core.tasks.task_spec import TaskSpec
from orchestrator.jobs.job import Job
from orchestrator.jobs.job_records import from_record, to_record
from orchestrator.jobs.job_spec import JobSpec, parse_job_spec
from orchestrator.models.model_io import Network, trained_model
from tests.support.sources import read
from tests.support.tasks import REGRESSION

IRIS: dict[str, Any] = {"name": "iris", "batch_size": 8}
CANCER: dict[str, Any] = {"name": "breast_cancer", "batch_size": 8}
DIABETES: dict[str, Any] = {"name": "diabetes", "batch_size": 8}


def spec_of(model: dict[str, Any], data: dict[str, Any], task: Any = None) -> JobSpec:
    found = read(data["name"]).found
    return parse_job_spec(model, data, lambda source: found, None, task)


def dense(outputs: int) -> dict[str, Any]:
    return {"layers": [{"type": "Linear", "out_features": outputs}]}


def test_the_last_layer_gives_what_the_task_wants() -> None:
    assert spec_of(dense(3), IRIS).metrics == ("loss", "accuracy")
    assert spec_of(dense(1), DIABETES).task == REGRESSION
    assert spec_of({"layer_sizes": [10, 8, 1]}, DIABETES).metrics == ("loss", "mae", "r2")
    assert spec_of(dense(2), CANCER).task.kind == "classification"
    assert spec_of({"layer_sizes": [30, 1]}, CANCER, "binary").metrics == (
        "loss",
        "accuracy",
        "f1",
    )


def test_a_last_layer_that_does_not_fit_is_refused_naming_layer_and_wish() -> None:
    cases: list[tuple[dict[str, Any], dict[str, Any], Any, str]] = [
        (dense(4), IRIS, None, r"layers\[0\] gives \[4\].*iris has 3 classes.*\[3\]"),
        (dense(2), CANCER, "binary", r"layers\[0\] gives \[2\].*binary.*\[1\]"),
        (dense(3), DIABETES, None, r"layers\[0\] gives \[3\].*diabetes has numbers.*\[1\]"),
        ({"layer_sizes": [4, 5]}, IRIS, None, r"layer_sizes\[1\] is 5.*3 classes.*use 3"),
        ({"layer_sizes": [10, 2]}, DIABETES, None, r"layer_sizes\[1\] is 2.*use 1"),
        (dense(1), IRIS, "regression", r"task is regression.*iris has 3 classes"),
        (dense(1), IRIS, "binary", r"task is binary.*two classes"),
        (dense(3), IRIS, "next_token", r"task is next_token.*iris"),
        (dense(1), DIABETES, "classification", r"task is classification.*numbers"),
    ]
    for model, data, task, text in cases:
        with pytest.raises(InvalidRequest, match=text):
            spec_of(model, data, task)


def test_a_stored_job_keeps_its_task_and_shows_every_argument() -> None:
    config = {"layer_sizes": [10, 1]}
    task = {"type": "regression", "loss": "huber"}
    job = from_record(to_record(Job("1", spec_of(config, DIABETES, task))))
    assert isinstance(job, Job)
    assert job.spec.task == TaskSpec("regression", (("loss", "huber"), ("delta", 1.0)))
    assert job.details()["task"] == {"type": "regression", "loss": "huber", "delta": 1.0}


def test_a_task_that_is_gone_makes_a_stored_job_a_broken_one() -> None:
    config = {"layer_sizes": [10, 1]}
    record = to_record(Job("1", spec_of(config, DIABETES)))
    record.spec["task"]["kind"] = "survival"
    assert not isinstance(from_record(record), Job)


def test_numbers_are_predicted_from_the_table_as_it_is_stored() -> None:
    spec = spec_of({"layer_sizes": [10, 1]}, DIABETES)
    layers = build_blocks(spec.model, 0, spec.num_blocks)
    rows = np.linspace(-0.1, 0.1, 30, dtype=np.float32).reshape(3, 10)
    answer = Network(trained_model(spec, dict(layers.state_dict()))).predict(rows)
    with torch.no_grad():
        expected = layers(spec.views.inputs.prepare(torch.from_numpy(rows)))
    assert answer.keys() == {"values"} and answer["values"].shape == (3, 1)
    assert torch.allclose(torch.from_numpy(answer["values"]), expected)
