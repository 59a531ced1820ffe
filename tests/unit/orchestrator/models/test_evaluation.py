"""Evaluations by a JobManager with all that is below it in this process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import ray

from actors.core.errors import InvalidRequest
from http_gateway.calls.ray_evaluations import Evaluations
from tests.support.in_process_ray import FIRST_PORT
from tests.support.job_manager_world import JobManagerWorld
from tests.support.jobs import wait_until
from tests.support.own_files import write_folder

TIMEOUT_S = 60.0
GPT = [
    {"type": "Embedding", "num_embeddings": 6, "embedding_dim": 8},
    {"type": "TransformerBlock", "num_heads": 2, "feedforward_dim": 8, "causal": True},
    {"type": "Linear", "out_features": 6},
]


def trained(
    world: JobManagerWorld,
    model: dict[str, Any],
    data: dict[str, Any],
    task: Any = None,
    **options: Any,
) -> str:
    """A job after two epochs on two devices."""
    manager = world.manager
    job_id = manager.create_job(model, data, task)
    for node in (1, 2):
        manager.register_device("localhost", FIRST_PORT + node, job_id)
    manager.initialize(job_id)
    manager.train(job_id, {"epochs": 2, "threads": 1, **options})
    wait_until(lambda: not world.has_a_session(job_id), TIMEOUT_S, "it trains")
    assert manager.get_job(job_id)["status"] == "completed"
    return job_id


def evaluated(world: JobManagerWorld, job_id: str, **options: Any) -> dict[str, Any]:
    """As the gateway does it."""
    manager = world.manager
    told = Evaluations().evaluate(
        lambda: ray.put(manager.plan_evaluation(job_id, **options)),
        lambda: ray.put(manager.get_model(job_id)),
        bool,
    )
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    return told


def last_validation(world: JobManagerWorld, job_id: str) -> dict[str, Any]:
    last = world.manager.get_job(job_id)["history"][-1]
    return {n.removeprefix("val_"): v for n, v in last.items() if n.startswith("val_")}


def test_the_metrics_are_those_of_the_last_epoch_to_the_bit(world: JobManagerWorld) -> None:
    (world.storage / "a.txt").write_text("abcdef" * 200)
    text = {"format": "text", "path": "a.txt", "context": 8, "val_batch_size": 7}
    batches = {"batch_size": 64, "val_batch_size": 100}
    cases: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
        ({"layer_sizes": [64, 16, 10]}, {"name": "digits", **batches}, {}),
        ({"layer_sizes": [64, 16, 10]}, {"name": "digits", **batches}, {"precision": "bf16"}),
        ({"layer_sizes": [10, 8, 1]}, {"name": "diabetes", "val_batch_size": 30}, {}),
        ({"layers": GPT}, text, {}),
    ]
    for model, data, options in cases:
        job_id = trained(world, model, data, None, learning_rate=0.01, **options)
        told = evaluated(world, job_id)
        assert told["metrics"] == last_validation(world, job_id), (data, options)
        assert told["splits"] == ["validation"] and told["job_id"] == job_id


def test_a_model_tells_of_its_classes_and_of_its_worst_images(world: JobManagerWorld) -> None:
    write_folder(world.storage / "pets", {"cat": 12, "dog": 12})
    config = {"format": "image_folder", "path": "pets", "batch_size": 4}
    layers = [
        {"type": "Flatten"},
        {"type": "Linear", "out_features": 8},
        {"type": "Linear", "out_features": 2},
    ]
    job_id = trained(world, {"layers": layers}, config)
    told = evaluated(world, job_id, split="all", num_worst=3)
    assert told["splits"] == ["training", "validation"] and told["num_samples"] == 24
    assert told["class_names"] == ["cat", "dog"]
    assert [own["name"] for own in told["classes"]] == ["cat", "dog"]
    assert [own["num_samples"] for own in told["classes"]] == [12, 12]
    assert sum(map(sum, told["confusion_matrix"])) == 24
    assert len(told["worst"]) == 3
    for own in told["worst"]:
        assert Path(own["place"]).parent.name == told["class_names"][own["target"]]
    write_folder(world.storage / "others", {"dog": 2, "cat": 1})
    told = evaluated(world, job_id, dataset_config={"format": "image_folder", "path": "others"})
    assert told["num_samples"] == 3 and told["data"] == "others"
    assert [own["num_samples"] for own in told["classes"]] == [1, 2]


def test_other_data_is_read_as_the_jobs_own(world: JobManagerWorld) -> None:
    pytest.importorskip("pyarrow")
    lines = ["a;b;kind", *(f"{i};{'xy'[i % 2]};{'pq'[i % 2]}" for i in range(40))]
    (world.storage / "a.csv").write_text("\n".join(lines))
    own = {"format": "csv", "path": "a.csv", "target": "kind", "delimiter": ";", "batch_size": 8}
    job_id = trained(world, {"layer_sizes": [3, 4, 2]}, own)
    (world.storage / "b.csv").write_text("\n".join([lines[0], *lines[5:9]]))
    told = evaluated(world, job_id, dataset_config={"format": "csv", "path": "b.csv"})
    assert told["num_samples"] == 4 and told["splits"] == ["all"]
    assert told["worst"][0]["place"].startswith(f"{world.storage / 'b.csv'}, row ")
    with pytest.raises(InvalidRequest, match=r"^split is 'training'"):
        evaluated(
            world, job_id, dataset_config={"format": "csv", "path": "b.csv"}, split="training"
        )
    with pytest.raises(InvalidRequest, match=r"dataset_config\.format"):
        evaluated(world, job_id, dataset_config={"format": "xls", "path": "b.csv"})


def test_data_beyond_the_memory_is_evaluated_block_by_block(world: JobManagerWorld) -> None:
    data = {"name": "synthetic", "inputs": [4, 4, 4], "dtype": "uint8", "classes": 3, "seed": 2}
    config = {**data, "num_train": 64, "num_val": 50, "batch_size": 16, "val_batch_size": 8}
    layers = [
        {"type": "Flatten"},
        {"type": "Linear", "out_features": 4},
        {"type": "Linear", "out_features": 3},
    ]
    job_id = trained(world, {"layers": layers}, config)
    whole = evaluated(world, job_id, split="all")
    world.manager._datasets.tasks._max_bytes = 1000
    told = evaluated(world, job_id, dataset_config=config)
    assert told["metrics"] == whole["metrics"] and told["num_samples"] == 114


def test_a_model_is_described_with_the_identity_of_its_weights(world: JobManagerWorld) -> None:
    job_id = trained(world, {"layer_sizes": [64, 8, 10]}, {"name": "digits"})
    first = world.manager.describe_model(job_id)
    assert first.weights_id and world.manager.describe_model(job_id) == first
    world.manager.initialize(job_id)
    world.manager.train(job_id, {"epochs": 2, "threads": 1})
    wait_until(lambda: not world.has_a_session(job_id), TIMEOUT_S, "it trains")
    second = world.manager.describe_model(job_id)
    assert second.weights_id != first.weights_id
