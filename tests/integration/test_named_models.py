"""A model of torchvision's over HTTP, and another job that begins with its weights."""

from __future__ import annotations

from typing import Any

import pytest

from http_gateway.client import TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.jobs import ENDED

DATA = {"name": "digits", "channels": 3, "resize": [16, 16], "batch_size": 360}


@pytest.mark.extended  # without Ray: tests/unit/orchestrator/models/test_named_models.py
def test_a_torchvision_model_trains_and_another_job_goes_on_with_its_weights(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    named = {one["architecture"] for one in client.list_architectures()}
    assert {"gpt", "torchvision/resnet18"} <= named
    assert "TransformerBlock" in {one["type"] for one in client.list_layers()}
    first, losses = train(gateway, client)
    second, went_on = train(gateway, client, initial_weights={"job": first})
    assert went_on < losses
    told = client.verify(second)
    assert told["equal"], told


def train(gateway: GatewayProcess, client: TandemClient, **more: Any) -> tuple[str, float]:
    """A job's id, and the mean loss of its only epoch."""
    job_id = client.create_job({"architecture": "torchvision/resnet18", "seed": 3, **more}, DATA)
    for device in gateway.info["devices"][:2]:
        client.register_device(**device, job_id=job_id)
    client.initialize(job_id, partition="even")
    client.train(job_id, epochs=1, learning_rate=0.01)
    job = client.wait_for(job_id, ENDED, timeout_s=120.0)
    assert job["status"] == "completed", job
    return job_id, job["history"][0]["train_loss"]
