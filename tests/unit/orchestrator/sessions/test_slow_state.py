"""A state that takes long to come."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from actors.copies.snapshot_transport import ActorCopier
from actors.layer_actor import LayerActor
from orchestrator.sessions.recovery import checkpointer
from orchestrator.sessions.recovery.checkpointer import Checkpointer
from orchestrator.sessions.stage_group import StageGroup
from orchestrator.sessions.starting.arrivals import NotArrived
from tests.support.in_process_ray import FIRST_PORT
from tests.support.job_manager_world import JobManagerWorld
from tests.support.jobs import wait_until

TIMEOUT_S = 30.0


def wait_for(condition: Callable[[], Any]) -> None:
    wait_until(condition, TIMEOUT_S, "the job is not where it should be")


def train(
    world: JobManagerWorld,
    *nodes: int,
    epochs: int = 100_000,
    max_lost_steps: int | None = 100_000,
) -> str:
    manager = world.manager
    policies = {
        "checkpoints": {"interval_s": 0.2},
        "failure_policy": {"max_lost_steps": max_lost_steps},
    }
    data = {"name": "digits", "batch_size": 64}
    job_id = manager.create_job({"layer_sizes": [64, 8, 8, 10]}, data, **policies)
    for node in nodes:
        manager.register_device("localhost", FIRST_PORT + node, job_id)
    manager.initialize(job_id)
    manager.train(job_id, {"epochs": epochs, "threads": 1})
    return job_id


def kinds(world: JobManagerWorld, job_id: str) -> list[str]:
    return [event["kind"] for event in world.manager.list_events(job_id)["events"]]


def test_a_checkpoint_whose_bytes_do_not_come_is_said_and_the_next_one_is_tried(
    world: JobManagerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(group: StageGroup, *_: Any) -> None:
        raise NotArrived(0, "answers, but its bytes did not come", is_slow=True)

    with monkeypatch.context() as link:
        link.setattr(StageGroup, "fetch", slow)
        job_id = train(world, 1)
        wait_for(lambda: "checkpoint_failed" in kinds(world, job_id))
        job = world.manager.get_job(job_id)
        assert job["status"] == "training" and "device 1 (" in job["storage_error"]
    wait_for(lambda: "checkpoint_saved" in kinds(world, job_id))
    assert "storage_error" not in world.manager.get_job(job_id)


def test_a_checkpoint_that_is_put_off_by_a_copy_is_said(
    world: JobManagerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as link:
        link.setattr(ActorCopier, "copied_s", lambda _: None)
        link.setattr(checkpointer, "LATE_S", 0.0)
        link.setattr(checkpointer, "LATE_SHARE", 0.0)
        job_id = train(world, 1, 2, max_lost_steps=None)
        wait_for(lambda: "checkpoint_failed" in kinds(world, job_id))
        assert "tandem doctor" in world.manager.get_job(job_id)["storage_error"]
    wait_for(lambda: "checkpoint_saved" in kinds(world, job_id))


def test_a_final_state_is_waited_for_while_its_device_answers(
    world: JobManagerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    polled, state, poll = threading.Event(), LayerActor.state, LayerActor.poll
    asked = threading.Event()

    def slow(actor: LayerActor) -> Any:
        asked.set()
        assert polled.wait(TIMEOUT_S)
        return state(actor)

    def noting(actor: LayerActor, *arguments: Any) -> Any:
        if asked.is_set():
            polled.set()
        return poll(actor, *arguments)

    monkeypatch.setattr(LayerActor, "state", slow)
    noting.__dict__.update(poll.__dict__)  # its concurrency group
    monkeypatch.setattr(LayerActor, "poll", noting)
    job_id = train(world, 1, 2, epochs=1)
    wait_for(lambda: world.manager.get_job(job_id)["status"] == "completed")
    assert world.manager.get_job(job_id)["recovery"] is None


def test_a_checkpoint_that_is_newer_than_what_the_devices_have_is_gone_on_from(
    world: JobManagerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Checkpointer, "settle", _settled_far_ahead)
    job_id = train(world, 1, 2)
    wait_for(lambda: world.trains(job_id) and world.manager.list_checkpoints(job_id))
    world.ray.lose(2)
    wait_for(lambda: "rolled_back" in kinds(world, job_id))
    (event,) = [
        e for e in world.manager.list_events(job_id)["events"] if e["kind"] == "rolled_back"
    ]
    assert "the last checkpoint" in event["text"]


_settle = Checkpointer.settle


def _settled_far_ahead(checkpointer: Checkpointer) -> Any:
    _settle(checkpointer)
    return 10**6, 0
