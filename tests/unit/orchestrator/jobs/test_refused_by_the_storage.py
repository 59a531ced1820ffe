"""The storage refuses what an operation would save: then the operation has changed nothing.

The JobManager with all that is below it runs in this process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.errors import StorageUnavailable
from tests.support.in_process_ray import FIRST_PORT
from tests.support.job_manager_world import JobManagerWorld
from tests.support.jobs import wait_until
from tests.support.stores import refusing

DATA = {"name": "digits", "batch_size": 64}
MODEL = {"layer_sizes": [64, 8, 8, 10]}
FOR_EVER = {"epochs": 100_000, "threads": 1}
TIMEOUT_S = 30.0

Order = Callable[[JobManagerWorld, str], Any]

ORDERS: dict[str, Order] = {
    "create": lambda world, job_id: world.manager.create_job(MODEL, DATA),
    "delete": lambda world, job_id: world.manager.delete_job(job_id),
    "delete by force": lambda world, job_id: world.manager.delete_job(job_id, force=True),
    "register": lambda world, job_id: world.manager.register_device(
        "localhost", FIRST_PORT, job_id
    ),
    "unregister": lambda world, job_id: world.manager.unregister_device(FIRST_PORT + 2),
    "initialize": lambda world, job_id: world.manager.initialize(job_id),
    "train": lambda world, job_id: world.manager.train(job_id, {"epochs": 1, "threads": 1}),
    "resume": lambda world, job_id: world.manager.resume_job(job_id),
}
ALLOWED = {
    "created": ("create", "register", "unregister", "initialize"),
    "initialized": ("delete", "register", "unregister", "initialize", "train"),
    "completed": ("delete", "train"),
    "stopped": ("initialize", "resume"),
    "training": ("delete by force", "register", "unregister"),
}


def wait_for(condition: Callable[[], bool]) -> None:
    wait_until(condition, TIMEOUT_S, "the job is not where it should be")


def job_that_is(world: JobManagerWorld, status: str) -> str:
    """On nodes 1 and 2; node 2 is also a device of a second job that was created."""
    manager = world.manager
    job_id, other = (manager.create_job(MODEL, DATA) for _ in range(2))
    for job, node in ((job_id, 1), (job_id, 2), (other, 2)):
        manager.register_device("localhost", FIRST_PORT + node, job)
    if status != "created":
        manager.initialize(job_id)
    if status in ("stopped", "training"):
        manager.train(job_id, FOR_EVER)
        wait_for(lambda: world.trains(job_id))
    if status == "stopped":
        manager.stop_job(job_id)
    if status == "completed":
        manager.train(job_id, {"epochs": 1, "threads": 1})
    wait_for(lambda: manager.get_job(job_id)["status"] == status)
    wait_for(lambda: status == "training" or not world.has_a_session(job_id))
    return job_id


def state_of(world: JobManagerWorld) -> Any:
    """All that is to be the same afterwards: what the API shows, the devices held, and, but for a
    job that trains, the LayerActors. Before a device of that one is taken out, its layers move."""
    shown = {job["job_id"]: world.shown(job["job_id"]) for job in world.manager.list_jobs()}
    still = {i: world.actors(i) for i, job in shown.items() if "status" in job}
    return shown, world.holders(), still


def assert_goes_on(world: JobManagerWorld, job_id: str, status: str) -> None:
    """What trained trains, on both devices; what was initialized trains to its end."""
    if status == "training":
        wait_for(lambda: world.trains(job_id))
        choice = world.manager._desk._running[job_id].runner._choice
        assert choice.excluded == frozenset()  # the device may have layers again
    if status == "initialized":
        world.manager.train(job_id, {"epochs": 1, "threads": 1})
        wait_for(lambda: world.manager.get_job(job_id)["status"] == "completed")


CASES = [(status, order) for status, orders in ALLOWED.items() for order in orders]


@pytest.mark.parametrize(("status", "order"), CASES)
def test_nothing_is_changed(world: JobManagerWorld, status: str, order: str) -> None:
    job_id = job_that_is(world, status)
    before = state_of(world)
    with refusing(world.manager._book.store), pytest.raises(StorageUnavailable, match="is full"):
        ORDERS[order](world, job_id)
    wait_for(lambda: "storage_error" not in world.manager.get_job(job_id))  # the session's own
    world.assert_still(before[0])
    shown, holders, actors = state_of(world)
    assert shown.keys() == before[0].keys() and actors == before[2]
    assert holders == before[1] or (status, order) == ("training", "unregister")
    assert_goes_on(world, job_id, status)
    if order == "create":
        assert int(ORDERS[order](world, job_id)) == int(job_id) + 2  # no number is lost


@pytest.mark.parametrize("status", ["created", "initialized", "completed"])
def test_an_initialize_refused_at_its_end_leaves_status_weights_and_devices(
    world: JobManagerWorld, status: str
) -> None:
    """The LayerActors that waited for ``train`` had to make room by then; it starts others."""
    job_id = job_that_is(world, status)
    shown, holders, _ = state_of(world)
    with (
        refusing(world.manager._book.store, after=1),
        pytest.raises(StorageUnavailable, match="is full"),
    ):
        world.manager.initialize(job_id)
    world.assert_still(shown)
    assert world.holders() == holders and not world.actors(job_id)
    assert_goes_on(world, job_id, status)


def test_a_device_of_two_jobs_is_taken_out_of_both_or_of_none(world: JobManagerWorld) -> None:
    job_id = job_that_is(world, "training")
    with refusing(world.manager._book.store), pytest.raises(StorageUnavailable):
        world.manager.unregister_device(FIRST_PORT + 2)
    numbers = [job["devices"] for job in world.manager.list_jobs()]
    assert numbers == [2, 1]
    world.manager.unregister_device(FIRST_PORT + 2)
    assert [job["devices"] for job in world.manager.list_jobs()] == [1, 0]
    wait_for(lambda: world.trains(job_id))
    world.restart()
    assert [job["devices"] for job in world.manager.list_jobs()] == [1, 0]


def test_who_only_asks_is_answered_and_leaves_nothing_held(world: JobManagerWorld) -> None:
    job_id = job_that_is(world, "completed")
    before = state_of(world)
    with refusing(world.manager._book.store):
        assert world.manager.plan(job_id, {})["job_id"] == job_id
        assert world.manager.verify(job_id)["equal"]
    assert state_of(world) == before


def test_a_stop_needs_no_storage(world: JobManagerWorld) -> None:
    job_id = job_that_is(world, "training")
    with refusing(world.manager._book.store):
        world.manager.stop_job(job_id)
        wait_for(lambda: world.manager.get_job(job_id)["status"] == "stopped")
