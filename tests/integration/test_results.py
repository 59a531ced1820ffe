"""The use of trained jobs: each form of a question, and evaluations, over HTTP."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from http_gateway.client import ApiError, TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.jobs import ENDED, actor_processes, initialize_together, wait_until
from tests.support.own_files import write_folder

Config = dict[str, Any]
CNN = [{"type": "Flatten"}, {"type": "Linear", "out_features": 2}]
PETS: Config = {"format": "image_folder", "path": "pets", "batch_size": 4}
TABLE: Config = {"format": "csv", "path": "a.csv", "target": "kind", "batch_size": 8}
GPT = [
    {"type": "Embedding", "num_embeddings": 6, "embedding_dim": 8},
    {"type": "TransformerBlock", "num_heads": 2, "feedforward_dim": 8, "causal": True},
    {"type": "Linear", "out_features": 6},
]
TEXT: Config = {"format": "text", "path": "a.txt", "context": 8, "batch_size": 16}


def write_files(folder: Path) -> None:
    write_folder(folder / "pets", {"cat": 8, "dog": 8})
    rows = [f"{i},{'xy'[i % 2]},{'pq'[i % 2]}" for i in range(40)]
    (folder / "a.csv").write_text("\n".join(["size,colour,kind", *rows]))
    (folder / "a.txt").write_text("abcdef" * 100)


def trained(
    gateway: GatewayProcess, client: TandemClient, *asked: tuple[Config, Config]
) -> list[str]:
    """A job for each model and its data, on a device that it does not have any more."""
    devices, jobs = gateway.info["devices"], [client.create_job(*configs) for configs in asked]
    for device, job_id in zip(devices, jobs, strict=True):
        client.register_device(**device, job_id=job_id)
    initialize_together(client, *jobs)
    for job_id in jobs:
        client.train(job_id, epochs=2, learning_rate=0.05, threads=1)
    for device, job_id in zip(devices, jobs, strict=True):
        job = client.wait_for(job_id, ENDED, timeout_s=90)
        assert job["status"] == "completed", job
        last = {n[4:]: v for n, v in job["history"][-1].items() if n.startswith("val_")}
        assert client.evaluate(job_id)["metrics"] == last
        client.unregister_device(device["port"], job_id=job_id)
    return jobs


def test_a_trained_job_is_asked_by_images_rows_and_prompts(
    gateway: GatewayProcess, client: TandemClient, home: Path
) -> None:
    pytest.importorskip("pyarrow")
    data_dir = home / "files"
    write_files(data_dir)
    asked = ({"layers": CNN}, PETS), ({"layer_sizes": [3, 4, 2]}, TABLE), ({"layers": GPT}, TEXT)
    of_images, of_rows, of_prompts = trained(gateway, client, *asked)

    photo = data_dir / "pets" / "dog" / "001.png"
    curl = f"curl -s --fail -F image=@{photo} -F image=@{photo} {gateway.url}/api/jobs/{of_images}"
    done = subprocess.run(
        f"{curl}/predict", shell=True, capture_output=True, timeout=60, check=True
    )
    told = client.predict(of_images, image=[("001.png", photo.read_bytes())])
    assert told["class_names"] == ["cat", "dog"] and b'"class_names"' in done.stdout
    with pytest.raises(ApiError, match="image"):
        client.predict(of_images, image=[("a.png", b"no image")])
    with pytest.raises(ApiError, match="trained on a table"):
        client.predict(of_images, rows=[{"size": 1}])

    told = client.predict(of_rows, rows=[{"colour": "x", "size": 3}, {"size": 4, "colour": "y"}])
    assert told["class_names"] == ["p", "q"] and len(told["classes"]) == 2
    with pytest.raises(ApiError, match="'z'"):
        client.predict(of_rows, rows=[{"colour": "z", "size": 3}])
    other = client.evaluate(of_rows, dataset_config={"format": "csv", "path": "a.csv"})
    assert other["num_samples"] == 40 and ", row " in other["worst"][0]["place"]

    prompts: Config = {"prompts": ["ab", "abcdefab"], "max_tokens": 5, "seed": 3}
    told = client.predict(of_prompts, **prompts)
    assert [len(own) for own in told["texts"]] == [5, 5]
    assert client.predict(of_prompts, **prompts) == told
    left = lambda: not actor_processes(gateway.info["pids"], "Evaluator")  # noqa: E731
    wait_until(left, 10, "an evaluation's process is left")
