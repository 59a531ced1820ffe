"""A data set is looked at before there is a job, and nothing is left of it."""

from __future__ import annotations

import pytest

from actors.core.errors import Unavailable
from orchestrator.data import source_tasks
from orchestrator.errors import DatasetUnavailable, InvalidRequest
from tests.support.job_manager_world import JobManagerWorld
from tests.support.own_files import write_folder

PETS = {"format": "image_folder", "path": "pets", "batch_size": 4}


def test_a_job_as_suggested_is_one_that_can_be_made(world: JobManagerWorld) -> None:
    write_folder(world.storage / "pets", {"cat": 8, "dog": 8})
    told = world.manager.inspect_dataset(PETS)
    assert (told["num_train"], told["num_val"]) == (13, 3)
    assert [one["name"] for one in told["classes"]] == ["cat", "dog"]
    suggested = told["suggested"]
    assert world.manager.list_jobs() == []
    world.manager.create_job(
        suggested["model_config"],
        {**PETS, "batch_size": suggested["batch_size"]},
        train_config=suggested["train_config"],
    )


def test_what_is_wrong_with_it_is_told(world: JobManagerWorld) -> None:
    with pytest.raises(InvalidRequest, match=r"dataset_config\.path is 'pets'"):
        world.manager.inspect_dataset(PETS)
    write_folder(world.storage / "pets", {"cat": 8})
    with pytest.raises(DatasetUnavailable, match="only the class 'cat'"):
        world.manager.inspect_dataset(PETS)
    with pytest.raises(InvalidRequest, match="must be one of"):
        world.manager.inspect_dataset({"name": "pets"})


def test_only_so_many_are_read_at_a_time(
    world: JobManagerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_tasks, "INSPECTION_WAIT_S", 0.01)
    busy = world.manager._datasets.tasks._inspections
    for _ in range(source_tasks.MAX_INSPECTIONS):
        busy.acquire()
    with pytest.raises(Unavailable, match="nothing was done"):
        world.manager.inspect_dataset({"name": "iris"})
    busy.release()
    for _ in range(3):  # what is refused holds no place
        assert world.manager.inspect_dataset({"name": "iris"})["num_train"] > 100
        with pytest.raises(InvalidRequest):
            world.manager.inspect_dataset(PETS)
