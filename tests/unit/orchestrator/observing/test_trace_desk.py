"""Timelines of jobs that train in this process."""

from __future__ import annotations

import functools
import threading
from typing import Any

import pytest

from actors.layer_actor import LayerActor
from actors.loop.orders import Orders
from actors.loop.tracer import Tracer
from orchestrator.errors import Conflict, IllegalTransition, Unavailable
from orchestrator.observing import trace_desk
from tests.support.in_process_ray import FIRST_PORT
from tests.support.job_manager_world import JobManagerWorld
from tests.support.jobs import wait_until

STEPS_AN_EPOCH = 23


def training(world: JobManagerWorld, **options: Any) -> str:
    manager = world.manager
    data = {"name": "digits", "batch_size": 64}
    job_id = manager.create_job({"layer_sizes": [64, 8, 8, 10]}, data)
    for node in (1, 2):
        manager.register_device("localhost", FIRST_PORT + node, job_id)
    manager.initialize(job_id)
    manager.train(job_id, {"epochs": 100_000, "threads": 1, **options})
    wait_until(lambda: world.trains(job_id), 20.0, "the job does not train")
    return job_id


def test_a_trace_has_the_next_steps_of_every_device(world: JobManagerWorld) -> None:
    job_id = training(world)
    trace = world.manager.trace(job_id, 5)
    told = trace["otherData"]
    assert told["num_steps"] == 5 and set(told["devices"]) == {"1", "2"}
    assert 1 <= told["first_step"] <= STEPS_AN_EPOCH and told["first_epoch"] >= 1
    assert 0 <= told["bubble"] < 1
    steps = [e for e in trace["traceEvents"] if e["name"] == "step"]
    places = [(e["args"]["epoch"], e["args"]["step"]) for e in steps]
    assert len(places) == 10 and places[:5] == places[5:] == sorted(set(places))
    assert places[0] == (told["first_epoch"], told["first_step"])
    names = {e["args"].get("name") for e in trace["traceEvents"] if e["ph"] == "M"}
    assert f"Job {job_id}" in names and len(names) == 4  # with None of the lanes' order
    assert world.manager.trace(job_id, 1)["otherData"]["num_steps"] == 1


def test_stages_that_are_late_are_asked_for_steps_further_ahead(
    world: JobManagerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = training(world)
    trace, asked = Orders.trace, list[int]()

    def late(orders: Orders, tracer: Tracer) -> int:
        """The order takes so long that its first step has begun."""
        asked.append(tracer.window.first)
        step = trace(orders, tracer)
        return step if len(asked) > 6 else max(step, tracer.window.first)

    monkeypatch.setattr(Orders, "trace", late)
    assert world.manager.trace(job_id, 2)["otherData"]["num_steps"] == 2
    assert asked[0] == 0 and len(set(asked)) >= 3 and asked == sorted(asked)


def test_a_job_that_does_not_train_is_refused_with_the_remedy(world: JobManagerWorld) -> None:
    job_id = training(world)
    world.manager.stop_job(job_id)
    wait_until(lambda: world.manager.get_job(job_id)["status"] == "stopped", 20.0, "it trains on")
    with pytest.raises(IllegalTransition, match=f"POST /api/network/train/{job_id}"):
        world.manager.trace(job_id, 1)


def test_a_second_trace_of_a_job_is_refused_and_a_lost_device_ends_the_first(
    world: JobManagerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = training(world)
    waits = threading.Event()
    traced: Any = LayerActor.traced

    @functools.wraps(traced)  # with its concurrency group
    def noted(actor: LayerActor, wait_s: float) -> Any:
        waits.set()
        return traced(actor, wait_s)

    monkeypatch.setattr(LayerActor, "traced", noted)
    errors: list[Exception] = []

    def ask() -> None:
        try:
            world.manager.trace(job_id, 10**9)
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    assert waits.wait(20.0)
    with pytest.raises(Conflict, match="being traced"):
        world.manager.trace(job_id, 1)
    world.ray.lose(2)
    thread.join(20.0)
    assert not thread.is_alive() and isinstance(errors[0], Unavailable)


def test_what_was_recorded_when_the_time_is_over_is_shown(
    world: JobManagerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = training(world)
    monkeypatch.setattr(trace_desk, "LIMIT_S", 0.5)
    told = world.manager.trace(job_id, 10**9)["otherData"]
    assert 0 < told["num_steps"] < 10**9
