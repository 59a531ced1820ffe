"""A database that is empty, or older, beside checkpoints that are there already."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import JobNotFound, NoTrainedWeights
from tests.support.checkpoints import files_below
from tests.support.in_process_ray import FIRST_PORT
from tests.support.job_manager_world import JobManagerWorld
from tests.support.jobs import wait_until

DATA = {"name": "digits", "batch_size": 64}
MODEL = {"layer_sizes": [64, 8, 8, 10]}
TIMEOUT_S = 20.0
DATABASE = ("tandem.db", "tandem.db-wal", "tandem.db-shm")


def wait_for(condition: Callable[[], bool]) -> None:
    wait_until(condition, TIMEOUT_S, "the job is not where it should be")


def new_job(world: JobManagerWorld, seed: int = 0, node: int = 1) -> str:
    job_id = world.manager.create_job({**MODEL, "seed": seed}, DATA)
    world.manager.register_device("localhost", FIRST_PORT + node, job_id)
    world.manager.initialize(job_id)
    return job_id


def train(world: JobManagerWorld, job_id: str, **options: Any) -> None:
    world.manager.train(job_id, {"epochs": 1, "threads": 1, **options})
    wait_for(lambda: not world.has_a_session(job_id))
    assert world.manager.get_job(job_id)["status"] == "completed"


def with_database(world: JobManagerWorld, copy: Path | None) -> None:
    """Without one, it is moved aside."""

    def put() -> None:
        for name in DATABASE:
            (world.storage / name).unlink(missing_ok=True)
        if copy is not None:
            shutil.copy(copy, world.storage / "tandem.db")

    world.restart(meanwhile=put)


def copy_of_database(world: JobManagerWorld, tmp_path: Path) -> Path:
    copies: list[Path] = []

    def copy() -> None:
        copies.append(tmp_path / "copy.db")
        shutil.copy(world.storage / "tandem.db", copies[0])

    world.restart(meanwhile=copy)
    return copies[0]


@pytest.mark.parametrize("seed", [0, 7], ids=["the same network", "another network"])
def test_job_1_of_an_empty_database_has_nothing_of_the_old_job_1(
    world: JobManagerWorld, seed: int
) -> None:
    old = new_job(world)
    train(world, old, epochs=3)
    before = files_below(world.storage / "checkpoints")
    with_database(world, None)
    job_id = new_job(world, seed)
    assert job_id == old == "1"
    with pytest.raises(NoTrainedWeights):
        world.manager.get_model(job_id)
    with pytest.raises(NoTrainedWeights):
        world.manager.describe_model(job_id)
    assert world.manager.list_checkpoints(job_id) == []
    train(world, job_id, learning_rate=0.01)
    first, *_ = world.manager.list_checkpoints(job_id)
    assert first["finished"] and first["epoch"] == 1
    told = world.manager.verify(job_id)
    assert told["equal"] and told["weights"]["equal"]
    world.manager.initialize(job_id)
    world.manager.delete_job(job_id)
    after = files_below(world.storage / "checkpoints")
    assert after == before
    (stranger,) = world.manager.list_strangers()
    assert Path(stranger).parent == world.storage / "checkpoints" / "jobs"


def test_a_database_from_before_a_session_has_nothing_of_that_session(
    world: JobManagerWorld, tmp_path: Path
) -> None:
    job_id = new_job(world)
    train(world, job_id)
    then = world.shown(job_id)
    copy = copy_of_database(world, tmp_path)
    train(world, job_id, epochs=4)
    with_database(world, copy)
    now = world.shown(job_id)
    assert [c["session"] for c in now["checkpoints"]] == [1]
    assert now["model"] == then["model"]
    train(world, job_id, learning_rate=0.01)
    assert [c["session"] for c in world.manager.list_checkpoints(job_id)] == [2, 1]
    assert world.manager.verify(job_id)["equal"]
    assert len(world.manager.get_job(job_id)["history"]) == 2


def test_a_database_from_before_an_initialize_has_nothing_of_the_weights_drawn_since(
    world: JobManagerWorld, tmp_path: Path
) -> None:
    job_id = new_job(world)
    copy = copy_of_database(world, tmp_path)
    world.manager.initialize(job_id)
    train(world, job_id, epochs=3)
    with_database(world, copy)
    world.manager.initialize(job_id)
    with pytest.raises(NoTrainedWeights):
        world.manager.get_model(job_id)
    train(world, job_id)
    assert [c["epoch"] for c in world.manager.list_checkpoints(job_id)] == [1]
    assert len(world.manager.list_strangers()) == 1


def test_a_job_number_that_an_older_database_gives_again_is_another_job(
    world: JobManagerWorld, tmp_path: Path
) -> None:
    new_job(world)
    copy = copy_of_database(world, tmp_path)
    second = new_job(world, node=2)
    world.manager.delete_job("1")
    train(world, second)
    with_database(world, copy)
    with pytest.raises(JobNotFound):
        world.manager.get_job(second)
    world.manager.delete_job("1")
    again = new_job(world, seed=7)
    assert again == second
    with pytest.raises(NoTrainedWeights):
        world.manager.get_model(again)
    world.manager.delete_job(again)
    assert len(world.manager.list_strangers()) == 1


def test_a_group_of_an_earlier_database_gives_its_name_to_no_other(world: JobManagerWorld) -> None:
    """A frozen LayerActor outlives its JobManager, and copies that it sent may come late."""
    new_job(world)
    first = world.group("1")
    with_database(world, None)
    new_job(world)
    assert world.group("1").startswith("job-1-generation-1") and world.group("1") != first


def test_initialize_deletes_what_the_job_forgets(world: JobManagerWorld) -> None:
    job_id = new_job(world)
    train(world, job_id)
    world.manager.initialize(job_id)
    assert files_below(world.storage / "checkpoints") == {}
    assert world.manager.list_strangers() == []
