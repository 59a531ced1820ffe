"""Requests to a training job are done soon, and survive the JobManager."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from actors.core.progress.session_length import SessionLength
from actors.core.progress.snapshots import Cursor, StageSnapshot, TrainingState
from actors.layer_actor import LayerActor
from orchestrator.errors import StorageUnavailable
from orchestrator.jobs.job import UnsavedState
from orchestrator.sessions import session_runner
from orchestrator.sessions.recovery.checkpointer import Checkpointer
from tests.support.in_process_ray import FIRST_PORT, GATEWAY_IP
from tests.support.job_manager_world import JobManagerWorld
from tests.support.jobs import wait_until
from tests.support.sessions import make_session, refuse

DATA = {"name": "digits", "batch_size": 64}
TIMEOUT_S = 20.0


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_runner, "DRAIN_TIMEOUT_S", 5.0)


def wait_for(condition: Callable[[], Any]) -> None:
    wait_until(condition, TIMEOUT_S, "the job is not where it should be")


def create(world: JobManagerWorld, *nodes: int, **policy: Any) -> str:
    manager = world.manager
    policies = {"failure_policy": policy}
    job_id = manager.create_job({"layer_sizes": [64, 8, 8, 10]}, DATA, **policies)
    for node in nodes:
        manager.register_device("localhost", FIRST_PORT + node, job_id)
    manager.initialize(job_id)
    manager.train(job_id, {"epochs": 100_000, "threads": 1})
    return job_id


def status(world: JobManagerWorld, job_id: str) -> str:
    return str(world.manager.get_job(job_id)["status"])


def waiting_for(world: JobManagerWorld, job_id: str) -> list[str]:
    job = world.manager.get_job(job_id)
    return list((job["recovery"] or {}).get("waiting_for", []))


def address(node: int) -> str:
    return f"{GATEWAY_IP}:{FIRST_PORT + node}"


def devices(world: JobManagerWorld, job_id: str) -> list[int]:
    """By their nodes."""
    registered = world.manager.get_job(job_id)["registered_devices"]
    return [device["port"] - FIRST_PORT for device in registered]


@pytest.fixture
def arrived(world: JobManagerWorld, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """No data arrive before it is set."""
    arrived, load = threading.Event(), LayerActor.load

    def slow(actor: LayerActor, *arguments: Any) -> None:
        arrived.wait(TIMEOUT_S)
        load(actor, *arguments)

    monkeypatch.setattr(LayerActor, "load", slow)
    yield arrived
    arrived.set()


def test_a_stop_that_was_answered_holds_though_the_job_manager_ends_before_the_session(
    world: JobManagerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = create(world, 1)
    wait_for(lambda: world.trains(job_id))
    monkeypatch.setattr(LayerActor, "stop", lambda *_: None)  # the step takes its time
    assert world.manager.stop_job(job_id)["status"] == "training"
    world.restart()
    wait_for(lambda: status(world, job_id) == "stopped")
    monkeypatch.undo()
    world.manager.resume_job(job_id)
    wait_for(lambda: world.trains(job_id))
    world.restart()
    wait_for(lambda: world.trains(job_id))


def test_a_stop_is_answered_though_no_disk_can_be_told(
    world: JobManagerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = create(world, 1)
    wait_for(lambda: world.trains(job_id))
    with monkeypatch.context() as full:
        full.setattr(world.manager._book.store, "save_job", refuse)
        world.manager.stop_job(job_id)
        wait_for(lambda: status(world, job_id) == "stopped")


@pytest.mark.usefixtures("arrived")
def test_a_stop_does_not_wait_for_data_that_are_on_their_way(world: JobManagerWorld) -> None:
    job_id = create(world, 1, 2)
    world.manager.stop_job(job_id)
    wait_until(lambda: status(world, job_id) == "stopped", TIMEOUT_S / 2, "it waits for them")


def test_devices_that_are_gone_are_taken_out_of_a_waiting_job_at_once(
    world: JobManagerWorld,
) -> None:
    job_id = create(world, 0, 1, 2, min_devices=2)
    wait_for(lambda: world.trains(job_id))
    for node in (1, 2):
        world.ray.lose(node)
    wait_for(lambda: waiting_for(world, job_id) == [address(1), address(2)])
    world.manager.unregister_device(FIRST_PORT + 2)
    job = world.manager.get_job(job_id)
    assert devices(world, job_id) == [0, 1] and job["layers"] == {}
    wait_for(lambda: waiting_for(world, job_id) == [address(1)])
    world.ray.bring_back(1)
    wait_for(lambda: world.trains(job_id))


def test_a_device_that_is_lost_just_now_is_taken_out_at_once(world: JobManagerWorld) -> None:
    job_id = create(world, 1, 2)
    wait_for(lambda: world.trains(job_id))
    world.ray.lose(2)
    world.manager.unregister_device(FIRST_PORT + 2)
    wait_for(lambda: world.trains(job_id))
    assert devices(world, job_id) == [1]


def test_a_device_is_taken_out_while_it_is_being_given_its_data(
    world: JobManagerWorld, arrived: threading.Event
) -> None:
    job_id = create(world, 1, 2)
    world.manager.unregister_device(FIRST_PORT + 2)
    arrived.set()
    wait_for(lambda: world.trains(job_id))
    assert devices(world, job_id) == [1]


def test_a_device_whose_going_can_not_be_saved_gets_layers_again(
    world: JobManagerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = create(world, 1, 2)
    wait_for(lambda: world.trains(job_id))
    with monkeypatch.context() as full:
        full.setattr(world.manager._book.store, "save_job", refuse)
        with pytest.raises(StorageUnavailable):
            world.manager.unregister_device(FIRST_PORT + 2)
    wait_for(lambda: world.trains(job_id))
    world.ray.end_actors(lambda actor: actor.name.startswith(f"job-{job_id}-"))
    wait_for(lambda: world.trains(job_id) and len(world.manager.get_job(job_id)["layers"]) == 2)


def test_a_state_that_is_saved_while_it_is_looked_for_is_found() -> None:
    state = TrainingState((StageSnapshot(0, 1, Cursor(0, 3), {}),))
    unsaved = iter([UnsavedState(state, 1, 3)])

    class Saved:
        """Its state is on the disk from the second look on."""

        job_id, length = "1", SessionLength(10, 1)
        unsaved = property(lambda self: next(unsaved, None))

    store: Any = None
    job: Any = Saved()
    checkpointer = Checkpointer(store, store, job, make_session())
    found = checkpointer.load_start()
    assert found is not None and found.cursor.position == (0, 3)
