"""Weights that are asked for while the job is trained, initialized or deleted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.checkpoints.storage import LocalStorage
from orchestrator.errors import JobNotFound, NoTrainedWeights
from tests.support.in_process_ray import FIRST_PORT
from tests.support.job_manager_world import JobManagerWorld
from tests.support.jobs import wait_until

TIMEOUT_S = 20.0


def trained_job(world: JobManagerWorld) -> str:
    data = {"name": "digits", "batch_size": 64}
    job_id = world.manager.create_job({"layer_sizes": [64, 8, 8, 10]}, data)
    world.manager.register_device("localhost", FIRST_PORT + 1, job_id)
    world.manager.initialize(job_id)
    train(world, job_id)
    return job_id


def train(world: JobManagerWorld, job_id: str) -> None:
    world.manager.train(job_id, {"epochs": 1, "threads": 1})
    wait_until(lambda: not world.has_a_session(job_id), TIMEOUT_S, "the session does not end")


def amid_the_read(patch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Just before the first stage's file is read."""
    read = LocalStorage.read

    def interrupted(self: LocalStorage, name: str) -> bytes:
        if name.endswith("safetensors"):
            patch.setattr(LocalStorage, "read", read)
            act()
        return read(self, name)

    patch.setattr(LocalStorage, "read", interrupted)


def test_of_a_job_that_is_deleted_meanwhile_there_is_none(
    world: JobManagerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = trained_job(world)
    amid_the_read(monkeypatch, lambda: world.manager.delete_job(job_id))
    with pytest.raises(JobNotFound):
        world.manager.get_model(job_id)


def test_of_a_job_that_is_initialized_meanwhile_they_are_not_trained(
    world: JobManagerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = trained_job(world)
    amid_the_read(monkeypatch, lambda: world.manager.initialize(job_id))
    with pytest.raises(NoTrainedWeights):
        world.manager.get_model(job_id)


def test_of_a_job_that_trains_on_meanwhile_they_are_whole(
    world: JobManagerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = trained_job(world)
    before = world.model(job_id)
    amid_the_read(monkeypatch, lambda: train(world, job_id))
    assert world.model(job_id) == before
    assert world.model(job_id) != before
