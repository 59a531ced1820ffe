"""What a roll-back has taken back is shown nowhere: no view of a job is ahead of its position."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.jobs.job_book import JobBook
from tests.support.in_process_ray import FIRST_PORT
from tests.support.job_manager_world import JobManagerWorld
from tests.support.job_records import make_job
from tests.support.jobs import wait_until
from tests.support.logs import back_to, epoch, epoch_record, steps
from tests.support.sessions import refuse

DATA = {"name": "digits", "batch_size": 64}
STEPS = 23
"""Of an epoch of digits, by 64."""
TIMEOUT_S = 20.0
FAR_APART = {"max_lost_steps": 100}
"""Snapshots are two epochs apart."""


def wait_for(condition: Callable[[], Any]) -> None:
    wait_until(condition, TIMEOUT_S, "the job is not where it should be")


def start(world: JobManagerWorld, nodes: tuple[int, ...], epochs: int, **policy: Any) -> str:
    """A job that has done so many epochs and trains on."""
    manager = world.manager
    policies = {"failure_policy": FAR_APART | policy}
    job_id = manager.create_job({"layer_sizes": [64, 8, 8, 10]}, DATA, **policies)
    for node in nodes:
        manager.register_device("localhost", FIRST_PORT + node, job_id)
    manager.initialize(job_id)
    manager.train(job_id, {"epochs": 100_000, "threads": 1})
    wait_for(lambda: len(manager.get_job(job_id)["history"]) >= epochs)
    wait_for(lambda: len(manager.list_steps(job_id)) >= epochs * STEPS)
    return job_id


def assert_consistent(world: JobManagerWorld, job_id: str, num_steps: int) -> None:
    """Every view ends with the job's step ``num_steps``."""
    job, steps = world.manager.get_job(job_id), world.manager.list_steps(job_id)
    numbers = [(1 + i // STEPS, 1 + i % STEPS) for i in range(num_steps)]
    assert [(s["epoch"], s["step"]) for s in steps] == numbers
    epochs = [record["epoch"] for record in job["history"]]
    assert epochs == list(range(1, len(epochs) + 1))
    # Of an epoch whose last step that is, the validation may still be to be done.
    assert max(0, num_steps - 1) // STEPS <= len(epochs) <= num_steps // STEPS
    progress = job["progress"]
    assert (progress["epoch"], progress["step"]) == (numbers[-1] if numbers else (0, 0))
    assert progress["loss"] == (steps[-1]["loss"] if steps else None)


def waits(world: JobManagerWorld, job_id: str) -> bool:
    job = world.manager.get_job(job_id)
    return job["status"] == "recovering" and bool((job["recovery"] or {}).get("waiting_for"))


def stop(world: JobManagerWorld, job_id: str) -> None:
    world.manager.stop_job(job_id)
    wait_for(lambda: world.manager.get_job(job_id)["status"] == "stopped")


def saved_steps(world: JobManagerWorld, job_id: str) -> int:
    """Of the newest checkpoint, once all is on the disk."""
    book = world.manager._book
    book.settle(book.get(job_id))
    checkpoints = world.manager.list_checkpoints(job_id)
    return int(checkpoints[0]["step"]) if checkpoints else 0


def test_a_job_that_waits_shows_nothing_beyond_the_step_that_it_went_back_to(
    world: JobManagerWorld,
) -> None:
    job_id = start(world, (1, 2), epochs=3, min_devices=2)
    world.ray.lose(2)
    wait_for(lambda: waits(world, job_id))
    shown = len(world.manager.list_steps(job_id))
    assert_consistent(world, job_id, shown)
    stop(world, job_id)
    assert saved_steps(world, job_id) == shown
    world.restart()
    assert_consistent(world, job_id, shown)


def test_all_is_taken_back_where_only_the_beginning_is_kept(world: JobManagerWorld) -> None:
    job_id = start(world, (1, 2), epochs=2, min_devices=2, max_lost_steps=100_000)
    world.ray.lose(2)
    wait_for(lambda: waits(world, job_id))
    assert_consistent(world, job_id, 0)
    assert world.manager.get_job(job_id)["recovery"]["lost_steps"] >= 2 * STEPS


def test_a_job_manager_that_takes_a_job_up_shows_nothing_beyond_its_checkpoint(
    world: JobManagerWorld,
) -> None:
    job_id = start(world, (1,), epochs=3)
    world.ray.lose(1)
    world.restart()
    wait_for(lambda: waits(world, job_id))
    assert_consistent(world, job_id, 0)
    stop(world, job_id)
    assert_consistent(world, job_id, 0)


def test_a_job_that_gave_up_shows_what_its_weights_were_made_by(world: JobManagerWorld) -> None:
    job_id = start(world, (1, 2), epochs=3, max_failures=0)
    world.ray.lose(2)
    wait_for(lambda: world.manager.get_job(job_id)["status"] == "failed")
    assert_consistent(world, job_id, saved_steps(world, job_id))


def test_a_failed_session_that_is_resumed_goes_on_from_what_is_saved(
    world: JobManagerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = start(world, (1,), epochs=2)
    monkeypatch.setattr("actors.loop.stage_loop.StageLoop._check_loss", refuse)
    wait_for(lambda: world.manager.get_job(job_id)["status"] == "failed")
    monkeypatch.undo()
    world.ray.lose(1)
    world.manager.resume_job(job_id)
    wait_for(lambda: waits(world, job_id))
    assert_consistent(world, job_id, saved_steps(world, job_id))


def test_what_no_disk_had_taken_before_is_taken_back_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = JobBook(tmp_path, "one")
    job = book.add(make_job)

    def assert_is_shown() -> None:
        assert book.log.history(job.job_id).epochs == [epoch_record(1)]
        assert book.log.history(job.job_id).num_epochs == 1
        steps = [(s.epoch, s.step) for s in book.log.steps(job.job_id, (), 10)]
        assert steps == [(1, 1), (1, 2), (2, 1)]

    with monkeypatch.context() as full:
        full.setattr(book.store, "append_log", refuse)
        for number in (1, 2, 3):
            book.tell(job, *steps(number, 2), epoch(number, 2))
        book.tell(job, back_to(2, 1))
        assert_is_shown()
    wait_until(lambda: book.unsaved_because(job) is None, 10, "it was not tried again")
    book.settle(job)
    assert_is_shown()
