"""A stage that raises something nobody thought of."""

from __future__ import annotations

from typing import Any

import pytest

from actors.loop.stage_loop import StageLoop
from tests.support.in_process_ray import FIRST_PORT
from tests.support.job_manager_world import JobManagerWorld
from tests.support.jobs import wait_until


@pytest.mark.parametrize("error", [IndexError("out of bounds"), AssertionError()], ids=repr)
def test_the_job_fails_with_the_device_and_the_kind_and_words_of_the_error(
    world: JobManagerWorld, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(_: Any) -> bool:
        raise error

    data = {"name": "digits", "batch_size": 64}
    job_id = world.manager.create_job({"layer_sizes": [64, 8, 10]}, data)
    world.manager.register_device("localhost", FIRST_PORT + 1, job_id)
    world.manager.initialize(job_id)
    monkeypatch.setattr(StageLoop, "run", fail)
    world.manager.train(job_id, {"epochs": 1})
    wait_until(lambda: not world.has_a_session(job_id), 20, "the session does not end")
    job = world.manager.get_job(job_id)
    assert job["status"] == "failed" and "device 1 (" in job["error"]
    words = str(error) or type(error).__name__
    assert job["error"].partition(" raised ")[2] == f"{type(error).__name__}: {words}"
