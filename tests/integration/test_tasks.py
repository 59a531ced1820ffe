"""Jobs of every task over HTTP: trained on two devices, verified, and asked for predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes

from http_gateway.client import ApiError, TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.jobs import train

TABLE = {"batch_size": 32, "val_batch_size": 50}
TEXT = {"name": "synthetic", "inputs": [8], "dtype": "int64", "num_tokens": 11}


def trained(
    gateway: GatewayProcess,
    client: TandemClient,
    model: dict[str, Any],
    data: dict[str, Any],
    task: Any = None,
) -> dict[str, Any]:
    """The job after three epochs on two devices, whose losses are those of a plain loop."""
    job_id = client.create_job(model, data, task=task)
    for device in gateway.info["devices"][:2]:
        client.register_device(ip=device["ip"], port=device["port"], job_id=job_id)
    client.initialize(job_id, partition="even")
    job = train(client, job_id, epochs=3, learning_rate=0.05, num_microbatches=2)
    assert job["status"] == "completed", job
    told = client.verify(job_id)
    assert told["equal"] and told["largest_loss_difference"] == 0.0, told
    (newest, *_) = client.list_checkpoints(job_id)
    last = job["history"][-1]
    metrics = {name: value for name, value in last.items() if name.startswith("val_")}
    assert {name: newest[name] for name in metrics} == metrics
    return job


def test_a_regression_tells_numbers_and_their_metrics(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    data = {"name": "diabetes", **TABLE}
    model = {"layer_sizes": [10, 16, 1], "seed": 1}
    job = trained(gateway, client, model, data, {"type": "regression", "loss": "l1"})
    assert job["task"] == {"type": "regression", "loss": "l1", "delta": 1.0}
    assert {"val_loss", "val_mae", "val_r2"} <= job["history"][-1].keys()
    assert job["history"][-1]["val_mae"] == pytest.approx(job["history"][-1]["val_loss"])
    rows, _ = load_diabetes(return_X_y=True)
    (first, *_) = values = client.predict(job["job_id"], rows[:3].tolist())["values"]
    assert len(values) == 3 and len(first) == 1
    with pytest.raises(ApiError, match="layer_sizes"):
        client.create_job({"layer_sizes": [10, 2]}, data)


@pytest.mark.extended  # without Ray: tests/numerics/test_tasks_in_process.py
def test_two_classes_are_told_by_one_logit(gateway: GatewayProcess, client: TandemClient) -> None:
    data = {"name": "breast_cancer", **TABLE}
    job = trained(gateway, client, {"layer_sizes": [30, 8, 1]}, data, "binary")
    last = job["history"][-1]
    assert last["val_f1"] > 0.9 and last["val_accuracy"] > 0.85
    rows, classes = load_breast_cancer(return_X_y=True)
    told = client.predict(job["job_id"], rows[:100].tolist())
    assert told["classes"] == [int(share > 0.5) for share in told["probabilities"]]
    assert np.mean(np.array(told["classes"]) == classes[:100]) > 0.8


def test_a_text_is_scored_by_its_tokens(gateway: GatewayProcess, client: TandemClient) -> None:
    layers = [
        {"type": "Embedding", "num_embeddings": 11, "embedding_dim": 16},
        {"type": "TransformerBlock", "num_heads": 2, "feedforward_dim": 32, "causal": True},
        {"type": "Linear", "out_features": 11},
    ]
    data = {**TEXT, "batch_size": 16, "num_train": 400, "num_val": 80}
    job = trained(gateway, client, {"layers": layers}, data)
    last = job["history"][-1]
    assert job["task"] == {"type": "next_token"}
    assert last["val_perplexity"] == pytest.approx(np.exp(last["val_loss"]))
    assert last["val_perplexity"] < job["history"][0]["val_perplexity"]
    told = client.predict(job["job_id"], [[n % 11 for n in range(8)], [3] * 8])
    assert [len(row) for row in told["probabilities"]] == [11, 11]
    assert told["tokens"] == [int(np.argmax(row)) for row in told["probabilities"]]
