"""A stored job that can't be read keeps no other from being used."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from orchestrator.errors import JobBroken, JobNotFound
from orchestrator.store.job_store import FILE_NAME
from tests.support.in_process_ray import FIRST_PORT
from tests.support.job_manager_world import JobManagerWorld
from tests.support.jobs import wait_until

MODEL, DATA = {"layer_sizes": [64, 8, 10]}, {"name": "digits", "batch_size": 256}


def trained(world: JobManagerWorld) -> str:
    job_id = world.manager.create_job(MODEL, DATA)
    world.manager.register_device("localhost", FIRST_PORT, job_id)
    world.manager.initialize(job_id)
    world.manager.train(job_id, {"epochs": 1, "threads": 1})
    wait_until(lambda: world.manager.get_job(job_id)["status"] == "completed", 20, "it trains on")
    return job_id


def test_a_broken_job_is_shown_refused_and_deleted_and_the_others_go_on(
    world: JobManagerWorld,
) -> None:
    spoiled, sound = trained(world), trained(world)
    break_job(world, spoiled)
    manager = world.manager

    listed = {job["job_id"]: job["status"] for job in manager.list_jobs()}
    assert listed == {spoiled: "broken", sound: "completed"}
    shown = manager.get_job(spoiled)
    assert "batch_size" in shown["error"] and shown["model_config"] == MODEL
    assert shown["devices"] == 1 and shown["registered_devices"][0]["port"] == FIRST_PORT
    for use in (manager.initialize, manager.get_model, manager.list_steps, manager.resume_job):
        with pytest.raises(JobBroken, match="batch_size"):
            use(spoiled)
    assert manager.list_strangers() == []  # its checkpoints are nobody else's

    manager.train(sound, {"epochs": 1, "threads": 1})
    manager.delete_job(spoiled)
    with pytest.raises(JobNotFound):
        manager.get_job(spoiled)
    assert manager.list_strangers() == []
    world.restart()
    assert [job["job_id"] for job in world.manager.list_jobs()] == [sound]


def break_job(world: JobManagerWorld, job_id: str) -> None:
    """By hand, while nobody has the store."""

    def edit() -> None:
        file = world.storage_path / FILE_NAME
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute(
                "UPDATE jobs SET spec = json_set(spec, '$.batch_size', 'many') WHERE job_id = ?",
                (job_id,),
            )

    world.restart(edit)
