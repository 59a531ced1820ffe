"""The use of trained jobs: each form of a question, and evaluations, over HTTP."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from http_gateway.client import ApiError, TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.jobs import actor_processes, train, wait_until
from tests.support.own_files import write_folder

GPT = [
    {"type": "Embedding", "num_embeddings": 6, "embedding_dim": 8},
    {"type": "TransformerBlock", "num_heads": 2, "feedforward_dim": 8, "causal": True},
    {"type": "Linear", "out_features": 6},
]
CNN = [{"type": "Flatten"}, {"type": "Linear", "out_features": 2}]


def trained(
    gateway: GatewayProcess, client: TandemClient, model: dict[str, Any], data: dict[str, Any]
) -> str:
    job_id = client.create_job(model, data)
    device = gateway.info["devices"][0]
    client.register_device(ip=device["ip"], port=device["port"], job_id=job_id)
    client.initialize(job_id)
    job = train(client, job_id, epochs=2, learning_rate=0.05)
    assert job["status"] == "completed", job
    last = {n[4:]: v for n, v in job["history"][-1].items() if n.startswith("val_")}
    assert client.evaluate(job_id)["metrics"] == last
    client.unregister_device(device["port"], job_id=job_id)
    return job_id


def test_a_trained_job_is_asked_by_images_rows_and_prompts(
    gateway: GatewayProcess, client: TandemClient, home: Path
) -> None:
    pytest.importorskip("pyarrow")
    data_dir = home / "files"
    write_folder(data_dir / "pets", {"cat": 8, "dog": 8})
    rows = [f"{i},{'xy'[i % 2]},{'pq'[i % 2]}" for i in range(40)]
    (data_dir / "a.csv").write_text("\n".join(["size,colour,kind", *rows]))
    (data_dir / "a.txt").write_text("abcdef" * 100)

    job_id = trained(
        gateway,
        client,
        {"layers": CNN},
        {"format": "image_folder", "path": "pets", "batch_size": 4},
    )
    photo = data_dir / "pets" / "dog" / "001.png"
    curl = f"curl -s --fail -F image=@{photo} -F image=@{photo} {gateway.url}/api/jobs/{job_id}"
    done = subprocess.run(
        f"{curl}/predict", shell=True, capture_output=True, timeout=60, check=True
    )
    told = client.predict(job_id, image=[("001.png", photo.read_bytes())])
    assert told["class_names"] == ["cat", "dog"] and b'"class_names"' in done.stdout
    with pytest.raises(ApiError, match="image"):
        client.predict(job_id, image=[("a.png", b"no image")])
    with pytest.raises(ApiError, match="trained on a table"):
        client.predict(job_id, rows=[{"size": 1}])

    table = {"format": "csv", "path": "a.csv", "target": "kind", "batch_size": 8}
    job_id = trained(gateway, client, {"layer_sizes": [3, 4, 2]}, table)
    told = client.predict(job_id, rows=[{"colour": "x", "size": 3}, {"size": 4, "colour": "y"}])
    assert told["class_names"] == ["p", "q"] and len(told["classes"]) == 2
    with pytest.raises(ApiError, match="'z'"):
        client.predict(job_id, rows=[{"colour": "z", "size": 3}])
    other = client.evaluate(job_id, dataset_config={"format": "csv", "path": "a.csv"})
    assert other["num_samples"] == 40 and ", row " in other["worst"][0]["place"]

    text = {"format": "text", "path": "a.txt", "context": 8, "batch_size": 16}
    job_id = trained(gateway, client, {"layers": GPT}, text)
    asked: dict[str, Any] = {"prompts": ["ab", "abcdefab"], "max_tokens": 5, "seed": 3}
    told = client.predict(job_id, **asked)
    assert [len(own) for own in told["texts"]] == [5, 5]
    assert client.predict(job_id, **asked) == told
    left = lambda: not actor_processes(gateway.info["pids"], "Evaluator")  # noqa: E731
    wait_until(left, 10, "an evaluation's process is left")
