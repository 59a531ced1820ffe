"""Verifications by a JobManager with all that is below it in this process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from actors import replayer
from orchestrator.checkpoints.checkpoint_store import CheckpointStore
from orchestrator.errors import (
    DeviceBusy,
    IllegalTransition,
    InvalidRequest,
    JobNotFound,
    NoTrainedWeights,
    ReplayFailed,
    StorageUnavailable,
)
from orchestrator.store.tables import log
from tests.support.in_process_ray import FIRST_PORT
from tests.support.job_manager_world import JobManagerWorld
from tests.support.jobs import wait_until

DATA = {"name": "digits", "batch_size": 64}
STEPS_AN_EPOCH = 23
TIMEOUT_S = 60.0


def wait_for(condition: Callable[[], bool]) -> None:
    wait_until(condition, TIMEOUT_S, "the job is not where it should be")


def new_job(
    world: JobManagerWorld, *nodes: int, data: dict[str, Any] | None = None, **policies: Any
) -> str:
    manager = world.manager
    job_id = manager.create_job({"layer_sizes": [64, 8, 8, 10]}, data or DATA, **policies)
    for node in nodes:
        manager.register_device("localhost", FIRST_PORT + node, job_id)
    manager.initialize(job_id)
    return job_id


def train(world: JobManagerWorld, job_id: str, **options: Any) -> None:
    world.manager.train(job_id, {"epochs": 1, "threads": 1, **options})
    wait_for(lambda: world.manager.get_job(job_id)["status"] == "completed")


def is_idle(world: JobManagerWorld, job_id: str) -> bool:
    """Nothing of it runs and it holds nothing."""
    return not world.actors(job_id) and job_id not in world.holders().values()


def test_sessions_of_unlike_options_verify_equal_up_to_the_last_weights(
    world: JobManagerWorld,
) -> None:
    job_id = new_job(world, 1, 2)
    train(world, job_id, num_microbatches=3, schedule="zb-h1")
    train(world, job_id, epochs=2, momentum=0.5, learning_rate=0.05)
    told = world.manager.verify(job_id)
    assert told["equal"] and told["steps"] == told["weights"]["compared_at_step"] == STEPS_AN_EPOCH
    told = world.manager.verify(job_id, 3 * STEPS_AN_EPOCH)
    assert told["equal"] and told["weights"]["equal"]
    assert told["weights"]["compared_at_step"] == told["steps"] == 3 * STEPS_AN_EPOCH
    assert told["reason"] == [] and told["device"].startswith("device 1 (")
    assert is_idle(world, job_id)


def test_a_job_that_lost_a_device_and_was_stopped_and_taken_up_verifies_equal(
    world: JobManagerWorld,
) -> None:
    job_id = new_job(world, 1, 2)
    world.manager.train(job_id, {"epochs": 100_000, "threads": 1})
    wait_for(lambda: world.trains(job_id))
    world.ray.lose(2)
    wait_for(lambda: world.manager.get_job(job_id)["recovery"] is not None)
    wait_for(lambda: world.trains(job_id))
    world.manager.stop_job(job_id)
    wait_for(lambda: world.manager.get_job(job_id)["status"] == "stopped")
    train(world, job_id, momentum=0.9)
    world.restart()
    wait_for(lambda: world.manager.get_job(job_id)["status"] == "completed")
    last = world.manager.list_checkpoints(job_id)[0]["step"]
    told = world.manager.verify(job_id, last)
    assert told["equal"] and told["weights"]["compared_at_step"] == last


def test_a_loss_that_was_changed_in_the_store_is_found(world: JobManagerWorld) -> None:
    job_id = new_job(world, 1)
    train(world, job_id)
    loss = world.manager.list_steps(job_id)[6]["loss"]
    seventh = (log.c.kind == "step") & (log.c.epoch == 1) & (log.c.step == 7)
    with world.manager._book.store._database.write() as connection:
        change = update(log).where(seventh, log.c.job_id == job_id)
        connection.execute(change.values({"values": {"loss": loss + 2**-30}}))
    told = world.manager.verify(job_id, 20)
    assert not told["equal"] and told["largest_loss_difference"] == 2**-30
    assert (told["first_difference"]["epoch"], told["first_difference"]["step"]) == (1, 7)
    assert "records were changed" in told["reason"][0]
    assert told["weights"]["note"].endswith(f"the next are those of step {STEPS_AN_EPOCH}")


def test_weights_that_were_changed_on_the_disk_are_not_compared(world: JobManagerWorld) -> None:
    job_id = new_job(world, 1)
    train(world, job_id)
    (file,) = Path(world._config.storage_path).rglob("*.safetensors")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    told = world.manager.verify(job_id)
    assert told["weights"]["equal"] is None and "its checksum is wrong" in told["message"]


def test_weights_that_no_disk_has_taken_yet_are_compared(
    world: JobManagerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise StorageUnavailable("The disk is full")

    job_id = new_job(world, 1)
    monkeypatch.setattr(CheckpointStore, "save", refuse)
    train(world, job_id)
    told = world.manager.verify(job_id)
    assert told["equal"] and told["weights"]["compared_at_step"] == STEPS_AN_EPOCH


def test_it_is_replayed_elsewhere_when_the_first_device_is_gone(world: JobManagerWorld) -> None:
    job_id = new_job(world, 1, 2)
    train(world, job_id)
    world.ray.lose(1)
    told = world.manager.verify(job_id)
    assert told["equal"] and told["device"].startswith("device 2 (")
    world.ray.lose(2)
    told = world.manager.verify(job_id)
    assert told["equal"] and told["device"] == "the gateway's host"


def test_what_can_not_be_verified_is_refused(world: JobManagerWorld) -> None:
    with pytest.raises(JobNotFound, match="Job not found"):
        world.manager.verify("7")
    job_id = new_job(world, 1)
    with pytest.raises(NoTrainedWeights, match="has no step on record yet"):
        world.manager.verify(job_id)
    train(world, job_id)
    with pytest.raises(InvalidRequest, match="has 23 steps on record: use at most 23"):
        world.manager.verify(job_id, 24)
    other = new_job(world, 1)
    with pytest.raises(DeviceBusy, match=f"held by job {other}"):
        world.manager.verify(job_id)
    world.manager.train(other, {"epochs": 100_000, "threads": 1})
    with pytest.raises(IllegalTransition, match=rf"{other} is training, and its devices must not"):
        world.manager.verify(other)


def test_deleting_the_job_by_force_ends_its_verification(
    world: JobManagerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = new_job(world, 1)
    train(world, job_id)
    begun, go_on = threading.Event(), threading.Event()

    def slow(*_: Any) -> None:
        begun.set()
        go_on.wait(TIMEOUT_S)

    monkeypatch.setattr(replayer, "replay", slow)
    raised: list[Exception] = []

    def verify() -> None:
        try:
            world.manager.verify(job_id)
        except ReplayFailed as error:
            raised.append(error)

    thread = threading.Thread(target=verify)
    thread.start()
    assert begun.wait(TIMEOUT_S)
    with pytest.raises(IllegalTransition, match="is being verified: wait until that is done"):
        world.manager.train(job_id, {})
    world.manager.delete_job(job_id, force=True)
    thread.join(TIMEOUT_S)
    go_on.set()
    assert "is being deleted" in str(raised[0]) and is_idle(world, job_id)


def test_steps_taken_back_before_a_session_was_stopped_are_left_out(world: JobManagerWorld) -> None:
    manager = world.manager
    job_id = new_job(world, 1, data={**DATA, "batch_size": 4})  # long epochs
    manager.train(job_id, {"epochs": 100_000, "threads": 1})
    wait_for(lambda: is_beyond_a_snapshot(world, job_id))
    world.ray.lose(1)
    wait_for(lambda: manager.get_job(job_id)["status"] == "recovering")
    manager.stop_job(job_id)
    wait_for(lambda: manager.get_job(job_id)["status"] == "stopped")
    manager._book.settle(manager._book.get(job_id))  # the last checkpoint is on the disk
    assert len(manager.list_steps(job_id)) == manager.list_checkpoints(job_id)[0]["step"] > 0
    world.ray.bring_back(1)
    train(world, job_id, momentum=0.5)
    last = manager.list_checkpoints(job_id)[0]["step"]
    told = manager.verify(job_id, last)
    assert told["equal"] and told["weights"]["compared_at_step"] == last


def is_beyond_a_snapshot(world: JobManagerWorld, job_id: str) -> bool:
    """By some steps, which would be lost now; the session's first snapshot does not count."""
    held = world.manager._copies.held(world.group(job_id))
    epoch, step = max((snapshot.position for snapshot in held), default=(0, 0))
    progress = world.manager.get_job(job_id)["progress"]
    return (epoch, step) > (0, 0) and (progress["epoch"] - 1, progress["step"]) > (epoch, step + 20)


def test_of_a_lossy_wire_the_distance_is_the_answer(world: JobManagerWorld) -> None:
    job_id = new_job(world, 0, 1)
    train(world, job_id, wire="int8")
    plan = world.manager.get_job(job_id)["plan"]
    assert plan["wire"] == plan["train_config"]["wire"] == "int8"
    (given_up,) = plan["differences"]
    told = world.manager.verify(job_id)
    assert not told["equal"] and not told["equality_expected"]
    assert told["reason"] == [given_up] and given_up in told["message"]
    for found in (told["relative_loss_difference"], told["weights"]["relative_difference"]):
        assert 0 < found["mean"] <= found["largest"] < 0.05
    train(world, job_id)  # exact again, but the first session's steps come before
    assert world.manager.get_job(job_id)["plan"]["differences"] == []
    assert not world.manager.verify(job_id)["equality_expected"]
