"""The API document's own calls, in its order, against the running gateway."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
import requests
import safetensors.torch
import torch
from torch import nn

from http_gateway.client import ApiError, TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.jobs import (
    DIGITS,
    ENDED,
    LAYER_SIZES,
    create_job,
    initialize_together,
    train,
    wait_for_step,
)
from tests.support.mnist import mnist_dir

CREATE = """curl -s -X POST http://localhost:4000/api/jobs \\
     -H "Content-Type: application/json" \\
     -d '{
       "model_config": {
         "layer_sizes": [784, 128, 64, 10]
       },
       "dataset_config": {
         "name": "MNIST",
         "batch_size": 256,
         "val_batch_size": 1000,
         "normalize": {
           "mean": [0.1307],
           "std": [0.3081]
         }
       }
     }'"""
REGISTER = """curl -s -X POST http://localhost:4000/api/devices/register \\
     -H "Content-Type: application/json" \\
     -d '{
       "ip": "192.168.1.100",
       "port": 5001,
       "job_id": "JOB"
     }'"""
TRAIN = """curl -s -X POST http://localhost:4000/api/network/train/JOB \\
     -H "Content-Type: application/json" \\
     -d '{
       "epochs": 10,
       "learning_rate": 0.1
     }'"""


def curl(gateway: GatewayProcess, command: str, job_id: str = "", ip: str = "localhost") -> Any:
    """Pastes a curl of the document into a shell; only job, ip and the gateway's port change."""
    command = command.replace(
        "http://localhost:4000", gateway.url.replace("127.0.0.1", "localhost")
    )
    command = command.replace("JOB", job_id).replace("192.168.1.100", ip)
    done = subprocess.run(command, shell=True, capture_output=True, timeout=90, check=True)
    return json.loads(done.stdout)


def test_each_curl_of_the_document_works_when_pasted(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    mnist_dir()
    created = curl(gateway, CREATE)
    job_id = created["job_id"]
    assert created == {"message": "Job created successfully", "job_id": job_id}
    jobs = curl(gateway, "curl -s http://localhost:4000/api/jobs")["jobs"]
    listed = next(job for job in jobs if job["job_id"] == job_id)
    assert list(listed) == ["job_id", "status", "devices", "model_config", "dataset_config"]
    assert (listed["status"], listed["devices"]) == ("created", 0)
    assert listed["dataset_config"]["normalize"] == {"mean": [0.1307], "std": [0.3081]}
    registered = curl(gateway, REGISTER, job_id)
    assert registered == {"message": "Device registered successfully", "device_id": 1}
    curl(gateway, REGISTER.replace("5001", "5002"), job_id)
    initialize = "curl -s -X POST http://localhost:4000/api/network/initialize/JOB"
    assert curl(gateway, initialize, job_id) == {"message": "Network initialized successfully"}
    started = curl(gateway, TRAIN, job_id)
    assert started == {"message": "Training started", "epochs": 10, "learning_rate": 0.1}
    wait_for_step(client, job_id, 5)
    client.stop_job(job_id)
    client.wait_for(job_id, {"stopped"}, timeout_s=30)
    teraflops = curl(gateway, "curl -s http://localhost:4000/api/previous_teraflops")[-1]
    assert list(teraflops) == ["1", "2"]
    for flops in teraflops.values():
        assert flops["total_tflops"] == flops["forward_tflops"] + flops["backward_tflops"] > 0
    deleted = curl(gateway, "curl -s -X DELETE http://localhost:4000/api/devices/5001")
    assert deleted == {"message": "Device unregistered successfully"}
    assert client.get_job(job_id)["devices"] == 1


def test_details_tell_progress_history_layers_and_plan(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    job_id = create_job(client, gateway.info["devices"][:2])
    assert client.get_job(job_id)["layers"] == {}
    client.initialize(job_id, partition="even")
    job: dict[str, Any] = client.get_job(job_id)
    assert (job["status"], job["layers"]) == ("initialized", {"1": [0, 2], "2": [2, 3]})
    job = train(client, job_id, epochs=3, num_microbatches=3, schedule="gpipe")
    assert job["status"] == "completed"
    assert job["progress"]["epoch"] == job["progress"]["epochs"] == 3
    assert job["progress"]["step"] == job["progress"]["steps"] == 23
    assert [record["epoch"] for record in job["history"]] == [1, 2, 3]
    assert job["history"][-1]["train_loss"] < job["history"][0]["train_loss"]
    assert job["plan"].pop("train_config")["epochs"] == 3
    assert job["plan"].pop("channels") in (["shared_memory"], ["gloo"])
    assert job["plan"] == {
        "schedule": "gpipe",
        "num_microbatches": 3,
        "wire": "fp32",
        "threads": {"1": 1, "2": 1},
        "differences": [],
    }
    for stats in job["device_stats"].values():
        assert min(stats["computing_s"], stats["waiting_s"], stats["updating_s"]) > 0
        assert stats["max_activations_held"] == 3


def test_1f1b_holds_no_more_activations_than_stages_to_come(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    job_id = create_job(client, gateway.info["devices"])
    client.initialize(job_id)
    job = train(client, job_id, epochs=1, num_microbatches=8, schedule="1f1b")
    held = [job["device_stats"][key]["max_activations_held"] for key in ("1", "2", "3")]
    assert held == [3, 2, 1]


def test_sessions_go_on_from_each_other_and_the_model_loads_in_plain_pytorch(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    devices = gateway.info["devices"]
    job_id, once_id = create_job(client, devices[:2]), create_job(client, devices[2:])
    initialize_together(client, job_id, once_id)
    client.train(once_id, epochs=4, threads=1)
    train(client, job_id, epochs=2)
    twice = train(client, job_id, epochs=2)
    once = client.wait_for(once_id, ENDED, timeout_s=90)
    losses = [[r["train_loss"] for r in job["history"]] for job in (twice, once)]
    assert losses[0] == losses[1] and len(losses[0]) == 4
    assert [r["session"] for r in twice["history"]] == [1, 1, 2, 2]
    assert client.get_model(job_id) == client.get_model(once_id)
    assert_predicts_the_same_in_plain_pytorch(client, job_id)


def assert_predicts_the_same_in_plain_pytorch(client: TandemClient, job_id: str) -> None:
    model = nn.Sequential(
        nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10)
    )
    model.load_state_dict(safetensors.torch.load(client.get_model(job_id)))
    pixels = torch.randint(0, 256, (3, 784), generator=torch.Generator().manual_seed(0))
    predicted = client.predict(job_id, pixels.tolist())
    with torch.no_grad():
        own = model((pixels / 255 - 0.3059) / 0.3763).softmax(dim=1)
    assert torch.allclose(torch.tensor(predicted["probabilities"]), own, atol=1e-6)
    assert predicted["classes"] == own.argmax(dim=1).tolist()


def test_seed_and_shuffling_matter_and_initialize_draws_the_same_weights_anew(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    configs: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"seed": 5}, {}),
        ({}, {"shuffle": False}),
        ({}, {}),
    ]
    jobs = [
        create_job(client, [device], {**DIGITS, **dataset}, **model)
        for device, (model, dataset) in zip(gateway.info["devices"], configs, strict=True)
    ]
    initialize_together(client, *jobs)
    for job_id in jobs:
        client.train(job_id, epochs=1, threads=1)
    ended = [client.wait_for(job_id, ENDED, timeout_s=90) for job_id in jobs]
    losses = [job["history"][0]["train_loss"] for job in ended]
    assert len(set(losses)) == 3
    client.initialize(jobs[-1])
    assert client.get_job(jobs[-1])["history"] == []
    assert train(client, jobs[-1], epochs=1)["history"][0]["train_loss"] == losses[-1]


def test_health_readiness_version_and_documentation_answer(gateway: GatewayProcess) -> None:
    url = gateway.url
    assert requests.get(f"{url}/health", timeout=5).json() == {"status": "ok"}
    ready = requests.get(f"{url}/ready", timeout=10).json()
    assert ready["ready"] is True and ready["nodes"] == 1
    assert set(requests.get(f"{url}/api/version", timeout=5).json()) == {
        "version",
        "python",
        "ray",
        "torch",
    }
    assert requests.get(f"{url}/openapi.json", timeout=5).json()["openapi"].startswith("3.1")
    assert "swagger" in requests.get(f"{url}/docs", timeout=5).text


@pytest.mark.parametrize(
    ("operation", "job_id"), [("get_job", "77"), ("get_job", "x"), ("get_model", "77")]
)
def test_an_unknown_job_is_not_found(client: TandemClient, operation: str, job_id: str) -> None:
    with pytest.raises(ApiError) as caught:
        getattr(client, operation)(job_id)
    assert (caught.value.status, caught.value.message) == (404, "Job not found")


def test_the_configurations_come_back_as_they_were_sent(client: TandemClient) -> None:
    model = {"seed": None, "layer_sizes": LAYER_SIZES}
    job = client.get_job(client.create_job(model, DIGITS))
    assert job["model_config"] == model and job["dataset_config"] == DIGITS
