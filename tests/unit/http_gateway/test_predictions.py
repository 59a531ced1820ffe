"""Predictions in a separate process; here it is an actor of this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray

from actors.core.errors import InvalidRequest, Unavailable
from actors.core.model.blocks import build_blocks
from http_gateway.calls import ray_predictions
from http_gateway.calls.ray_job_client import RayJobClient
from http_gateway.calls.ray_predictions import Predictions
from http_gateway.operations.operation import ManagerCall
from http_gateway.operations.rows import Rows
from http_gateway.operations.table import OPERATIONS
from orchestrator.errors import NoTrainedWeights
from orchestrator.manager.manager_config import ManagerConfig
from orchestrator.models import trained_model as trained
from orchestrator.models.model_io import Network, trained_model
from orchestrator.models.predictor import Predictor
from tests.support.in_process_ray import InProcessRay
from tests.support.jobs import wait_until
from tests.support.sources import job_spec

(PREDICT,) = (o for o in OPERATIONS if o.name == "predict")
SPEC = job_spec({"layer_sizes": [64, 32, 10], "seed": 3}, {"name": "digits"})
MODEL = trained_model(SPEC, dict(build_blocks(SPEC.model, 0, 2).state_dict()))
VALUES = np.linspace(0, 255, 64 * 10, dtype=np.float32).reshape(10, 64)
ROWS = Rows(list(VALUES), 255.0)


@pytest.fixture
def world() -> Iterator[InProcessRay]:
    world = InProcessRay(1)
    with world.installed():
        yield world


@pytest.fixture
def desk(world: InProcessRay, monkeypatch: pytest.MonkeyPatch) -> Iterator[Predictions]:
    monkeypatch.setattr(ray_predictions, "IDLE_S", 0.1)
    desk = Predictions()
    yield desk
    wait_until(lambda: not any(a.is_alive for a in world.actors), 10, "its process is kept")


def predict(desk: Predictions, rows: Rows = ROWS, gone: Any = bool) -> dict[str, Any]:
    return desk.predict(MODEL.facts, lambda: ray.put(MODEL), lambda *_: rows, gone)


def test_the_answer_is_that_of_the_network_whatever_the_blocks(
    desk: Predictions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last bits depend on the thread that computes, because it has its own number of
    threads."""
    expected = Network(MODEL).predict(VALUES)
    classes, probabilities = expected["classes"], expected["probabilities"]
    for rows in (trained.MAX_BLOCK_ROWS, 3):
        monkeypatch.setattr(trained, "MAX_BLOCK_ROWS", rows)
        answer = predict(desk)
        assert list(answer) == ["classes", "probabilities"]
        assert answer["classes"] == classes.tolist()
        assert np.allclose(answer["probabilities"], probabilities, rtol=0, atol=1e-6)


def test_values_of_another_scale_are_told_beside_the_answer(desk: Predictions) -> None:
    answer = predict(desk, Rows(list(VALUES / 16), 15.9))
    assert list(answer) == ["classes", "probabilities", "note"]


def test_one_process_does_several_and_goes_when_none_comes(
    desk: Predictions, world: InProcessRay
) -> None:
    predict(desk)
    predict(desk)
    assert len(world.actors) == 1


def test_what_its_process_refuses_is_told_by_the_row_s_place_among_all(
    desk: Predictions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trained, "MAX_BLOCK_ROWS", 4)
    values = VALUES.copy()
    values[6] = np.inf
    with pytest.raises(InvalidRequest, match=r"^inputs\[6\] "):
        predict(desk, Rows(list(values), 255.0))
    assert predict(desk)["classes"]


def test_it_ends_with_its_caller_while_it_computes(
    desk: Predictions, world: InProcessRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, end = threading.Event(), threading.Event()

    def busy(*_: Any) -> None:
        begun.set()
        end.wait(20)

    with monkeypatch.context() as patch:
        patch.setattr(Predictor, "answer", busy)
        with pytest.raises(Unavailable):
            predict(desk, gone=begun.is_set)
        assert not any(actor.is_alive for actor in world.actors)
        end.set()
    assert predict(desk)["classes"] and len(world.actors) == 2


def test_a_process_that_ends_is_told_and_another_takes_its_place(
    desk: Predictions, world: InProcessRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Predictor, "answer", lambda *_: world.end_actors())
        with pytest.raises(Unavailable, match="memory"):
            predict(desk)
    assert predict(desk)["classes"]


def test_without_a_model_no_row_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[tuple[int, int]] = []
    client = RayJobClient(ManagerConfig(str(tmp_path), str(tmp_path)), tmp_path, 0)

    def refuse(call: ManagerCall, *_: Any) -> None:
        assert call.name == "describe_model"
        raise NoTrainedWeights("Job 1 has no trained weights yet")

    monkeypatch.setattr(client.manager, "call", refuse)
    with pytest.raises(NoTrainedWeights):
        client.call(
            PREDICT,
            {"job_id": "1", "read": lambda *shape: read.append(shape) or ROWS, "gone": bool},
        )
    assert read == []


def test_the_model_is_loaded_once_for_the_same_weights(
    desk: Predictions, world: InProcessRay
) -> None:
    loads: list[str] = []

    def ask(weights_id: str) -> None:
        facts = replace(MODEL.facts, weights_id=weights_id)

        def get_model() -> Any:
            loads.append(weights_id)
            return ray.put(MODEL)

        desk.predict(facts, get_model, lambda *_: ROWS, bool)

    for weights_id in ("a", "a", "b", "a", "a", "", ""):
        ask(weights_id)
    assert loads == ["a", "b", "a", "", ""]
    world.end_actors()
    with pytest.raises(Unavailable):
        ask("b")
    ask("b")
    assert loads[-1] == "b"


def test_classes_come_with_their_names(desk: Predictions) -> None:
    names = tuple("abcdefghij")
    facts = replace(MODEL.facts, class_names=names)
    answer = desk.predict(facts, lambda: ray.put(MODEL), lambda *_: ROWS, bool)
    assert answer["class_names"] == list(names) and len(answer["classes"]) == 10
