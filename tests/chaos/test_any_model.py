"""Whatever the model, task, data and recipe: a killed device and a stop leave every bit."""

from __future__ import annotations

from typing import Any

import pytest

from http_gateway.client import TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.jobs import ENDED, layer_actors, wait_for_step, wait_until
from tests.support.ray_state import process_of_stage

ADAMW = {"optimizer": "AdamW", "lr_schedule": {"type": "cosine", "warmup_steps": 5}}
JOBS: dict[str, dict[str, Any]] = {
    "cnn": {
        "model_config": {
            "architecture": "cnn",
            "config": {"channels": [16, 32], "hidden": 64, "dropout": 0.2},
        },
        "dataset_config": {"name": "digits", "resize": [28, 28], "batch_size": 96},
        "train_config": {**ADAMW, "epochs": 6, "num_microbatches": 3, "clip_grad_norm": 1.0},
    },
    "gpt": {
        "model_config": {
            "architecture": "gpt",
            "config": {"embed_dim": 64, "depth": 3, "num_heads": 4, "dropout": 0.1},
        },
        "dataset_config": {
            "name": "synthetic",
            "inputs": [48],
            "dtype": "int64",
            "num_tokens": 50,
            "num_train": 640,
            "num_val": 64,
            "batch_size": 16,
        },
        "train_config": {**ADAMW, "epochs": 12, "num_microbatches": 2, "schedule": "zb-h1"},
    },
    "resnet18": {
        "model_config": {"architecture": "torchvision/resnet18"},
        "dataset_config": {"name": "digits", "channels": 3, "resize": [16, 16], "batch_size": 64},
        "train_config": {"epochs": 4, "num_microbatches": 2, "momentum": 0.9},
    },
}
Result = tuple[bytes, list[Any], list[Any]]


def prepare(gateway: GatewayProcess, client: TandemClient, job: dict[str, Any]) -> str:
    policy = {"max_lost_steps": 10}
    job_id = client.create_job(
        job["model_config"],
        job["dataset_config"],
        failure_policy=policy,
        train_config={**job["train_config"], "threads": 1},
    )
    for device in gateway.info["devices"][:2]:
        client.register_device(ip=device["ip"], port=device["port"], job_id=job_id)
    client.initialize(job_id, partition="even")
    return job_id


def result(client: TandemClient, job_id: str) -> Result:
    """Weights and buffers, every step's loss, every epoch's metrics."""
    job = client.wait_for(job_id, ENDED, timeout_s=150.0)
    assert job["status"] == "completed", job
    told = [{k: v for k, v in r.items() if k != "samples_per_s"} for r in job["history"]]
    for record in told:
        del record["session"]
    return client.get_model(job_id), client.list_steps(job_id), told


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    "name", ["cnn", *(pytest.param(n, marks=pytest.mark.extended) for n in ("gpt", "resnet18"))]
)
def test_a_killed_device_and_a_stop_leave_the_bits_of_any_model(
    gateway: GatewayProcess, client: TandemClient, name: str
) -> None:
    job = JOBS[name]
    undisturbed = prepare(gateway, client, job)
    client.train(undisturbed)
    expected = result(client, undisturbed)

    job_id = prepare(gateway, client, job)
    victim = process_of_stage(gateway, 1)
    client.train(job_id)
    num_steps = len(expected[1])
    wait_for_step(client, job_id, num_steps // 4)
    victim.kill()
    wait_until(lambda: client.get_job(job_id)["recovery"], 20, "the loss was not noticed")
    wait_until(lambda: client.get_job(job_id)["status"] == "training", 30, "it does not go on")
    client.stop_job(job_id)
    assert client.wait_for(job_id, ENDED, 30)["status"] == "stopped"
    client.resume_job(job_id)
    assert result(client, job_id) == expected
    told = client.verify(job_id)
    assert told["equal"], told
    wait_until(lambda: not layer_actors(gateway.info["pids"]), 10, "no actor is left")
