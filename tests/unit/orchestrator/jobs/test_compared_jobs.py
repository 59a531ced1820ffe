from __future__ import annotations

import pytest

from orchestrator.errors import JobNotFound
from tests.support.in_process_ray import FIRST_PORT
from tests.support.job_manager_world import JobManagerWorld

DATA = {"name": "digits", "batch_size": 64}


def test_jobs_are_compared_in_the_order_in_which_they_are_named(world: JobManagerWorld) -> None:
    manager = world.manager
    first, second = (
        manager.create_job({"layer_sizes": [64, 8, 10], "seed": seed}, DATA) for seed in (0, 1)
    )
    manager.register_device("localhost", FIRST_PORT, second)
    manager.initialize(second)
    told = manager.compare_jobs(f"{second},{first},{second}")
    assert told["jobs"] == [second, first]
    assert told["differences"]["model_config.seed"] == {second: 1, first: 0}
    assert [told["results"][own]["status"] for own in told["jobs"]] == ["initialized", "created"]
    assert told["results"][second]["layers"] == [[0, 2]]


def test_the_one_that_is_missing_is_named(world: JobManagerWorld) -> None:
    made = world.manager.create_job({"layer_sizes": [64, 10]}, DATA)
    with pytest.raises(JobNotFound, match="no job 99"):
        world.manager.compare_jobs(f"{made},99")
