"""A JobManager that ends, and the next one on the same storage."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.in_process_ray import FIRST_PORT
from tests.support.job_manager_world import JobManagerWorld
from tests.support.jobs import wait_until

DATA = {"name": "digits", "batch_size": 64}
TIMEOUT_S = 20.0


def wait_for(condition: Callable[[], bool]) -> None:
    wait_until(condition, TIMEOUT_S, "the job is not where it should be")


def start_training(world: JobManagerWorld, node: int) -> str:
    manager = world.manager
    job_id = manager.create_job({"layer_sizes": [64, 8, 8, 10]}, DATA)
    manager.register_device("localhost", FIRST_PORT + node, job_id)
    manager.initialize(job_id)
    manager.train(job_id, {"epochs": 100_000, "threads": 1})
    wait_for(lambda: world.trains(job_id))
    return job_id


def test_each_job_gets_its_own_devices_again_though_others_have_them_as_spares(
    world: JobManagerWorld,
) -> None:
    jobs = {start_training(world, node): node for node in (1, 2)}
    for job_id, node in jobs.items():
        world.manager.register_device("localhost", FIRST_PORT + 3 - node, job_id)
    world.restart()
    wait_for(lambda: all(world.trains(job_id) for job_id in jobs))
    assert world.holders() == {node: job_id for job_id, node in jobs.items()}


def test_a_new_job_manager_says_from_where_it_takes_a_job_up(world: JobManagerWorld) -> None:
    job_id = start_training(world, 1)
    world.restart()
    (event,) = world.manager.list_events(job_id)["events"][:1]
    assert event["kind"] == "taken_up" and "the session's beginning" in event["text"]
    wait_for(lambda: world.trains(job_id))
    world.manager.stop_job(job_id)
    wait_for(lambda: world.manager.get_job(job_id)["status"] == "stopped")
    newest = world.manager.list_checkpoints(job_id)[0]["checkpoint_id"]
    world.manager.resume_job(job_id)
    wait_for(lambda: world.trains(job_id))
    world.restart()
    event = [e for e in world.manager.list_events(job_id)["events"] if e["kind"] == "taken_up"][-1]
    assert f"checkpoint {newest}" in event["text"]


def test_what_is_saved_for_the_end_goes_on_there_in_the_next_job_manager(
    world: JobManagerWorld,
) -> None:
    jobs = [start_training(world, node) for node in (0, 1)]
    stopped = start_training(world, 2)
    world.manager.stop_job(stopped)
    asked = {told["job_id"]: told for told in world.manager.save_for_end()}
    assert asked.keys() == {*jobs, stopped} and all(told["bytes"] > 0 for told in asked.values())
    wait_for(lambda: all(told["is_done"] for told in world.manager.save_for_end()))
    assert [told["error"] for told in world.manager.save_for_end()] == [None] * len(asked)
    saved = {job: world.manager.list_checkpoints(job)[0]["step"] for job in jobs}
    furthest = {job: len(world.manager.list_steps(job)) for job in jobs}
    assert saved == furthest, "a step was done that is not saved"
    assert not any(world.actors(job) for job in jobs)

    world.restart()
    for job in jobs:
        assert world.manager.get_job(job)["status"] in ("training", "recovering")
        (event,) = [e for e in world.manager.list_events(job)["events"] if e["kind"] == "taken_up"]
        assert "checkpoint" in event["text"]
    wait_for(lambda: all(world.trains(job) for job in jobs))
    assert world.manager.get_job(stopped)["status"] == "stopped"


def test_without_a_session_nothing_is_to_be_saved_for_the_end(world: JobManagerWorld) -> None:
    assert world.manager.save_for_end() == []
