"""Jobs with a model by its name, by a JobManager with all that is below it in this process."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.in_process_ray import FIRST_PORT
from tests.support.job_manager_world import JobManagerWorld
from tests.support.jobs import wait_until

TIMEOUT_S = 120.0
SYNTHETIC = {"name": "synthetic", "num_train": 48, "num_val": 16}


@pytest.mark.parametrize(
    ("model", "data"),
    [
        (
            {"architecture": "torchvision/resnet18", "seed": 3},
            {**SYNTHETIC, "inputs": [3, 16, 16], "dtype": "uint8", "classes": 4},
        ),
        (
            {"architecture": "vit", "config": {"patch_size": 4, "embed_dim": 16, "depth": 1}},
            {"name": "digits"},
        ),
        (
            {"architecture": "gpt", "config": {"embed_dim": 16, "depth": 1, "num_heads": 2}},
            {**SYNTHETIC, "inputs": [12], "dtype": "int64", "num_tokens": 20},
        ),
    ],
    ids=["torchvision", "vit", "gpt"],
)
def test_a_named_model_trains_on_two_devices_and_verifies_equal(
    world: JobManagerWorld, model: dict[str, Any], data: dict[str, Any]
) -> None:
    manager = world.manager
    data = {**data, "batch_size": 16}
    job_id = manager.create_job(model, data)
    for node in (1, 2):
        manager.register_device("localhost", FIRST_PORT + node, job_id)
    manager.initialize(job_id, {"partition": "even"})
    manager.train(job_id, {"epochs": 1, "threads": 1, "num_microbatches": 2})
    ended = ("completed", "failed")
    wait_until(lambda: manager.get_job(job_id)["status"] in ended, TIMEOUT_S, "it trains on")
    job = manager.get_job(job_id)
    assert job["status"] == "completed", job
    assert job["model_config"] == model and job["model"]["layers"]
    assert manager.verify(job_id)["equal"]
    world.restart()
    assert world.manager.get_job(job_id)["model"] == job["model"]
