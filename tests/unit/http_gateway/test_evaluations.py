"""Evaluations in a separate process; here it is an actor of this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import ray

from actors.core.errors import InvalidRequest, Unavailable
from http_gateway.calls import ray_evaluations
from http_gateway.calls.ray_evaluations import Evaluations
from orchestrator.models.evaluator import Evaluator
from tests.support.in_process_ray import InProcessRay, Reference


@pytest.fixture
def world() -> Iterator[InProcessRay]:
    world = InProcessRay(1)
    with world.installed():
        yield world


def evaluate(get_plan: Any = None, gone: Any = bool) -> dict[str, Any]:
    plan = get_plan or (lambda: ray.put({"plan": ray.put("plan")}))
    return Evaluations().evaluate(plan, lambda: ray.put("model"), gone)


def test_its_process_is_there_for_it_alone(
    world: InProcessRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Evaluator, "evaluate", lambda _, *given: {"given": given})
    for _ in range(2):
        assert evaluate() == {"given": ("plan", "model")}
    assert len(world.actors) == 2 and not any(actor.is_alive for actor in world.actors)


def test_what_it_refuses_is_told_and_nothing_is_left(
    world: InProcessRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise InvalidRequest("the data does not fit: use other data")

    monkeypatch.setattr(Evaluator, "evaluate", refuse)
    with pytest.raises(InvalidRequest, match="use other data"):
        evaluate()
    assert not any(actor.is_alive for actor in world.actors)


@pytest.mark.parametrize("is_gone", [True, False])
def test_it_ends_with_its_caller_or_in_time(
    world: InProcessRay, monkeypatch: pytest.MonkeyPatch, is_gone: bool
) -> None:
    begun, end = threading.Event(), threading.Event()

    def busy(*_: Any) -> None:
        begun.set()
        end.wait(20)

    monkeypatch.setattr(Evaluator, "evaluate", busy)
    if not is_gone:
        monkeypatch.setattr(ray_evaluations, "LIMIT_S", 0.1)
    with pytest.raises(Unavailable, match="gone" if is_gone else "fewer samples"):
        evaluate(gone=begun.is_set if is_gone else bool)
    assert not any(actor.is_alive for actor in world.actors)
    end.set()


def test_without_data_no_process_is_started(world: InProcessRay) -> None:
    with pytest.raises(Unavailable, match="gone"):
        evaluate(Reference, gone=lambda: True)
    assert world.actors == []
