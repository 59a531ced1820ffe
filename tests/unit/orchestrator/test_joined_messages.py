"""A session whose stages send the messages of several microbatches together."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.sessions import session_runner
from tests.support.in_process_ray import FIRST_PORT
from tests.support.job_manager_world import JobManagerWorld
from tests.support.jobs import wait_until

DATA = {"name": "digits", "batch_size": 64}
OPTIONS: dict[str, Any] = {"threads": 1, "schedule": "gpipe", "num_microbatches": 5}
TIMEOUT_S = 20.0


def start(world: JobManagerWorld, epochs: int) -> str:
    job_id = world.manager.create_job({"layer_sizes": [64, 8, 8, 10], "seed": 3}, DATA, {})
    for node in (1, 2):
        world.manager.register_device("localhost", FIRST_PORT + node, job_id)
    world.manager.initialize(job_id)
    world.manager.train(job_id, {"epochs": epochs, **OPTIONS})
    return job_id


def wait_for_status(world: JobManagerWorld, job_id: str, status: str) -> None:
    def is_there() -> bool:
        return bool(world.manager.get_job(job_id)["status"] == status)

    wait_until(is_there, TIMEOUT_S, f"the job is not {status}")


def join(patch: pytest.MonkeyPatch, joined: int) -> None:
    """Has every plan say so."""
    patch.setattr(
        session_runner,
        "predicted_plan",
        lambda job, session, places: SimpleNamespace(joined=joined),
    )


@pytest.mark.parametrize("joined", [2, 5])
def test_weights_and_losses_are_the_same(
    world: JobManagerWorld, monkeypatch: pytest.MonkeyPatch, joined: int
) -> None:
    results = []
    for count in (1, joined):
        join(monkeypatch, count)
        job_id = start(world, epochs=2)
        wait_for_status(world, job_id, "completed")
        losses = [step["loss"] for step in world.manager.list_steps(job_id)]
        results.append((world.model(job_id), losses))
        world.manager.delete_job(job_id)
    assert results[0] == results[1]


def test_a_session_with_joined_messages_can_be_stopped_and_gone_on_with(
    world: JobManagerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    join(monkeypatch, 3)
    job_id = start(world, epochs=100_000)
    wait_until(lambda: world.trains(job_id), TIMEOUT_S, "it does not train")
    assert [a._instance._loop._session.joined for a in world.actors(job_id)] == [3, 3]
    world.manager.stop_job(job_id)
    wait_for_status(world, job_id, "stopped")
    world.manager.resume_job(job_id)
    wait_until(lambda: world.trains(job_id), TIMEOUT_S, "it does not train again")
