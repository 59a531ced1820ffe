"""What is told of a model that a JobManager has trained, and the weights of its checkpoints."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from orchestrator.errors import NotFound, NoTrainedWeights
from tests.support.in_process_ray import FIRST_PORT
from tests.support.job_manager_world import JobManagerWorld
from tests.support.jobs import wait_until

TIMEOUT_S = 30.0


def test_the_record_tells_how_the_weights_came_to_be(world: JobManagerWorld) -> None:
    manager = world.manager
    data = {"name": "digits", "batch_size": 256}
    job_id = manager.create_job({"layer_sizes": [64, 8, 8, 10]}, data)
    with pytest.raises(NoTrainedWeights):
        manager.describe_model(job_id)
    for node in (1, 2):
        manager.register_device("localhost", FIRST_PORT + node, job_id)
    manager.initialize(job_id, {"partition": "even"})
    for _ in range(2):
        manager.train(job_id, {"epochs": 1, "threads": 1})
        wait_until(lambda: not world.has_a_session(job_id), TIMEOUT_S, "it trains on")

    told = manager.describe_training(job_id)
    assert json.loads(json.dumps(told))["model_config"] == {"layer_sizes": [64, 8, 8, 10]}
    assert told["num_parameters"] == 64 * 8 + 8 + 8 * 8 + 8 + 8 * 10 + 10
    assert told["data"]["num_train"] == 1438 and told["data"]["fingerprint"]
    assert [epoch["epoch"] for epoch in told["history"]] == [1, 2]
    assert len(told["plan"]["layers"]) == 2 and told["train_config"]["epochs"] == 1
    newest, oldest = manager.list_checkpoints(job_id)[:2]
    assert told["checkpoint"] == newest

    first = manager.describe_training(job_id, oldest["checkpoint_id"])
    assert first["checkpoint"] == oldest
    assert [epoch["epoch"] for epoch in first["history"]] == [1]
    weights = [manager.get_model(job_id, own).weights for own in (None, oldest["checkpoint_id"])]
    assert not np.array_equal(weights[0]["0.weight"], weights[1]["0.weight"])
    for look in (manager.describe_model, manager.describe_training, manager.get_model):
        with pytest.raises(NotFound, match=str(newest["checkpoint_id"])):
            look(job_id, "step-1")

    (folder,) = world.storage.rglob(newest["checkpoint_id"])
    shutil.rmtree(folder)  # as before it is written
    assert manager.describe_training(job_id) == first
