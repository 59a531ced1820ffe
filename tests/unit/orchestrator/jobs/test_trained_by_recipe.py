"""Jobs with a train_config, by a JobManager with all that is below it in this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from orchestrator import job_manager
from orchestrator.errors import InvalidRequest
from orchestrator.jobs.job import Job
from orchestrator.jobs.job_plans import PlannedSteps, steps_of
from orchestrator.jobs.train_options import TrainOptions
from tests.support.in_process_ray import FIRST_PORT
from tests.support.job_manager_world import JobManagerWorld
from tests.support.jobs import wait_until

DATA = {"name": "digits", "batch_size": 64}
STEPS_AN_EPOCH = 23
ADAMW: dict[str, Any] = {
    "epochs": 2,
    "threads": 1,
    "optimizer": {"type": "AdamW", "weight_decay": 0.1},
    "lr_schedule": {"type": "cosine", "warmup_steps": 5},
    "clip_grad_norm": 0.5,
    "label_smoothing": 0.1,
}


def wait_for(condition: Callable[[], bool]) -> None:
    wait_until(condition, 60.0, "the job is not where it should be")


def new_job(world: JobManagerWorld, train_config: dict[str, Any] | None) -> str:
    manager = world.manager
    further = {} if train_config is None else {"train_config": train_config}
    job_id = manager.create_job({"layer_sizes": [64, 8, 8, 10]}, DATA, **further)
    for node in (1, 2):
        manager.register_device("localhost", FIRST_PORT + node, job_id)
    manager.initialize(job_id)
    return job_id


def train(world: JobManagerWorld, job_id: str, **options: Any) -> dict[str, Any]:
    started = world.manager.train(job_id, options)
    wait_for(lambda: world.manager.get_job(job_id)["status"] == "completed")
    return started


def test_a_job_trains_by_its_config_and_verifies_equal(world: JobManagerWorld) -> None:
    job_id = new_job(world, ADAMW)
    assert world.manager.get_job(job_id)["train_config"] == ADAMW
    assert train(world, job_id) == {"epochs": 2, "learning_rate": 1e-3}
    in_force = world.manager.get_job(job_id)["plan"]["train_config"]
    assert in_force["optimizer"]["weight_decay"] == 0.1 and in_force["clip_grad_norm"] == 0.5
    told = world.manager.verify(job_id, 2 * STEPS_AN_EPOCH)
    assert told["equal"] and told["weights"]["equal"]


def test_a_train_request_overrides_fields_for_its_session(world: JobManagerWorld) -> None:
    job_id = new_job(world, ADAMW)
    started = train(world, job_id, epochs=1, learning_rate=0.01, accumulate=4, freeze=["0"])
    assert started == {"epochs": 1, "learning_rate": 0.01}
    job = world.manager.get_job(job_id)
    assert job["train_config"] == ADAMW and job["progress"]["steps"] == 6
    assert job["plan"]["num_microbatches"] == 4 * job["plan"]["train_config"]["num_microbatches"]
    assert world.manager.verify(job_id, 6)["equal"]


def test_a_lost_device_takes_nothing_of_the_optimiser_along(world: JobManagerWorld) -> None:
    job_id = new_job(world, ADAMW)
    world.manager.train(job_id, {"epochs": 100_000})
    wait_for(lambda: world.trains(job_id))
    world.ray.lose(2)
    wait_for(lambda: world.manager.get_job(job_id)["recovery"] is not None)
    wait_for(lambda: world.trains(job_id))
    world.manager.stop_job(job_id)
    wait_for(lambda: world.manager.get_job(job_id)["status"] == "stopped")
    assert world.manager.verify(job_id)["equal"]


def test_max_steps_end_a_session_and_the_next_one_goes_on(world: JobManagerWorld) -> None:
    job_id = new_job(world, {"max_steps": 30, "threads": 1})
    assert train(world, job_id)["epochs"] == 2
    train(world, job_id, max_steps=5)
    history = world.manager.get_job(job_id)["history"]
    assert [record["epoch"] for record in history] == [1, 2, 3]
    steps = [(s["epoch"], s["step"]) for s in world.manager.list_steps(job_id)]
    assert len(steps) == 35 and steps[-1] == (3, 5)
    assert world.manager.list_checkpoints(job_id)[0]["step"] == 35
    assert world.manager.verify(job_id, 35)["equal"]


def test_a_session_that_gets_no_better_is_completed_and_says_why(world: JobManagerWorld) -> None:
    stopping = {"metric": "val_accuracy", "mode": "max", "patience": 2, "min_delta": 0.9}
    config = {"epochs": 50, "threads": 1, "eval_every": 10, "early_stopping": stopping}
    job_id = new_job(world, config)
    train(world, job_id)
    events = [
        e for e in world.manager.list_events(job_id)["events"] if e["kind"] == "early_stopped"
    ]
    assert len(events) == 1 and "val_accuracy" in events[0]["text"]
    steps = world.manager.list_steps(job_id)
    assert len(steps) == STEPS_AN_EPOCH  # validations after steps 10, 20 and 23
    assert [s["step"] for s in steps if "val_accuracy" in s] == [10, 20]
    train(world, job_id, epochs=1, early_stopping={"patience": 100})
    assert world.manager.verify(job_id, 2 * STEPS_AN_EPOCH)["equal"]


def test_a_session_with_another_split_starts_anew_from_the_seed(
    world: JobManagerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def moved(job: Job, options: TrainOptions) -> PlannedSteps:
        return replace(steps_of(job, options), keeps_split=False)

    monkeypatch.setattr(job_manager, "steps_of", moved)
    job_id = new_job(world, None)
    prepared = world.actors(job_id)
    train(world, job_id, epochs=1, threads=1, optimizer="Adam")
    assert prepared and not set(prepared) & set(world.actors(job_id))
    assert world.manager.verify(job_id)["equal"]


def test_a_wrong_config_is_refused_before_there_is_a_job(world: JobManagerWorld) -> None:
    for config, named in (
        ({"optimizer": "Adamax"}, "train_config.optimizer.type"),
        ({"num_microbatches": 65}, "train_config.num_microbatches"),
        ({"freeze": ["9"]}, "train_config.freeze"),
        ({"early_stopping": {"metric": "r2"}}, "train_config.early_stopping.metric"),
    ):
        with pytest.raises(InvalidRequest, match=f"^{named}"):
            world.manager.create_job({"layer_sizes": [64, 8, 10]}, DATA, train_config=config)
    assert world.manager.list_jobs() == []
