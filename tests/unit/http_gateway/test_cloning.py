"""The request that makes a job like another one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from actors.core.errors import InvalidRequest
from http_gateway.calls.cloning import cloned_request
from http_gateway.calls.ray_job_client import RayJobClient
from http_gateway.operations.operation import ManagerCall
from http_gateway.operations.table import OPERATIONS
from orchestrator.jobs.train_options import parse_train_options, train_options_json
from orchestrator.manager.manager_config import ManagerConfig
from tests.support.fake_job_client import DETAILS

(CLONE,) = (o for o in OPERATIONS if o.name == "clone_job")
SENT = {"epochs": 3, "learning_rate": 0.05}
JOB = {**DETAILS, "job_id": "7", "train_config": SENT}
LAYERS = [{"type": "Flatten"}, {"type": "Linear", "out_features": 10}]


def cloned(changes: dict[str, Any], job: dict[str, Any] | None = None) -> dict[str, Any]:
    return cloned_request(JOB if job is None else job, changes)


def trained_by(**config: Any) -> dict[str, Any]:
    """The job after a session that trained by this."""
    told = train_options_json(parse_train_options(config))
    return {**JOB, "plan": {"schedule": "1f1b", "train_config": told}}


def test_without_changes_it_is_the_same_job() -> None:
    body = cloned({})
    for name in ("model_config", "dataset_config", "train_config", "failure_policy", "checkpoints"):
        assert body[name] == JOB[name], name
    assert body["task"] == {"type": "classification"}
    assert "job_id" not in body and "status" not in body


def test_a_field_is_changed_and_the_others_stay() -> None:
    body = cloned({"train_config": {"learning_rate": 0.01}, "dataset_config": {"shuffle": False}})
    assert body["train_config"] == {"epochs": 3, "learning_rate": 0.01}
    assert body["dataset_config"] == {**JOB["dataset_config"], "shuffle": False}


def test_null_removes_a_field_and_is_a_value_in_a_policy() -> None:
    body = cloned({"train_config": {"epochs": None}, "failure_policy": {"max_failures": None}})
    assert body["train_config"] == {"learning_rate": 0.05}
    assert body["failure_policy"]["max_failures"] is None


def test_it_trains_as_the_last_session_did() -> None:
    body = cloned({"train_config": {"epochs": 2}}, trained_by(epochs=30, optimizer="AdamW"))
    assert body["train_config"]["epochs"] == 2
    assert body["train_config"]["optimizer"]["type"] == "AdamW"
    again = parse_train_options(body["train_config"])
    assert again.recipe == parse_train_options({"optimizer": "AdamW"}).recipe


def test_momentum_takes_the_place_of_the_optimisers_own() -> None:
    job = trained_by(optimizer={"type": "SGD", "momentum": 0.5, "weight_decay": 0.1})
    body = cloned({"train_config": {"momentum": 0.9}}, job)
    optimizer = parse_train_options(body["train_config"]).recipe.optimizer.as_json()
    assert (optimizer["momentum"], optimizer["weight_decay"]) == (0.9, 0.1)
    short = {**JOB, "train_config": {"momentum": 0.5}}
    assert "momentum" not in cloned({"train_config": {"optimizer": "Adam"}}, short)["train_config"]


def test_another_way_to_give_the_model_takes_the_place_of_the_first() -> None:
    assert cloned({"model_config": {"layers": LAYERS}})["model_config"] == {"layers": LAYERS}
    cnn = {"architecture": "cnn", "config": {"channels": [4]}, "seed": 3}
    job = {**JOB, "model_config": cnn}
    told = cloned({"model_config": {"architecture": "vit"}}, job)["model_config"]
    assert told == {"architecture": "vit", "seed": 3}
    told = cloned({"model_config": {"config": {"channels": [8]}}}, job)["model_config"]
    assert told == {**cnn, "config": {"channels": [8]}}


def test_other_data_bring_the_task_that_they_are_for() -> None:
    body = cloned({"dataset_config": {"format": "csv", "path": "a.csv"}})
    assert "name" not in body["dataset_config"] and "task" not in body
    assert cloned({"dataset_config": {"batch_size": 2}})["task"] == {"type": "classification"}
    assert cloned({"dataset_config": {"name": "iris"}, "task": "binary"})["task"] == "binary"


@pytest.mark.parametrize("new", [{}, {"new": ["fc"]}])
def test_it_begins_with_the_weights_that_the_other_one_began_with(new: dict[str, Any]) -> None:
    for given in ({"file": "a.safetensors", **new}, {"job": "3", "checkpoint": "step-1", **new}):
        job = {**JOB, "model_config": {**JOB["model_config"], "initial_weights": given}}
        begun = cloned({"model_config": {"seed": 5}}, job)["model_config"]["initial_weights"]
        assert begun == {"job": "7", "checkpoint": "initial", **new}
        other = {"model_config": {"initial_weights": {"job": "4"}}}
        assert cloned(other, job)["model_config"]["initial_weights"] == {"job": "4"}
        drawn = cloned({"model_config": {"initial_weights": None}}, job)["model_config"]
        assert "initial_weights" not in drawn


def test_it_may_begin_with_the_trained_weights() -> None:
    assert cloned({"weights": True})["model_config"]["initial_weights"] == {"job": "7"}
    given = {"weights": True, "model_config": {"initial_weights": {"job": "3"}}}
    with pytest.raises(InvalidRequest, match="only one"):
        cloned(given)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"model_config": {"layer_sizes": None}}, "exactly one of layer_sizes"),
        ({"model_config": {"layers": LAYERS, "architecture": "cnn"}}, "layers and architecture"),
        ({"dataset_config": {"name": None}}, "neither name nor format"),
    ],
)
def test_what_makes_no_job_is_refused_as_when_one_is_created(
    changes: dict[str, Any], names: str
) -> None:
    with pytest.raises(InvalidRequest, match=names):
        cloned(changes)


def test_a_broken_job_can_be_made_again() -> None:
    job = {name: JOB[name] for name in ("job_id", "model_config", "dataset_config")}
    assert cloned({}, job) == {name: JOB[name] for name in ("model_config", "dataset_config")}
    model = {**JOB["model_config"], "initial_weights": {"file": "a.safetensors"}}
    broken = {**job, "status": "broken", "model_config": model}
    assert cloned({}, broken)["model_config"] == model  # it is not known what it began with


def test_it_is_created_by_a_call_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = RayJobClient(ManagerConfig(str(tmp_path), str(tmp_path)), tmp_path, 0)
    calls: list[tuple[ManagerCall, dict[str, Any]]] = []

    def call(call: ManagerCall, arguments: dict[str, Any]) -> Any:
        calls.append((call, arguments))
        return JOB if call.name == "get_job" else "8"

    monkeypatch.setattr(client.manager, "call", call)
    assert client.call(CLONE, {"job_id": "7", "train_config": {"epochs": 1}}) == "8"
    (_, asked), (made, body) = calls
    assert asked["job_id"] == "7" and body["train_config"]["epochs"] == 1
    assert (made.name, made.may_repeat, made.timeout_s) == ("create_job", False, CLONE.timeout_s)
