"""Jobs on every kind of data: created, trained, verified; refused where the data does not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from orchestrator.errors import DatasetChanged, InvalidRequest
from tests.support.image_files import write_set
from tests.support.in_process_ray import FIRST_PORT
from tests.support.job_manager_world import JobManagerWorld
from tests.support.jobs import wait_until
from tests.support.own_files import picture, write_folder

TEXT = "The quick brown fox jumps over the lazy dog. " * 20
TIMEOUT_S = 30.0
GPT = [
    {"type": "Embedding", "num_embeddings": 29, "embedding_dim": 8},
    {"type": "TransformerBlock", "num_heads": 2, "feedforward_dim": 16, "causal": True},
    {"type": "Linear", "out_features": 29},
]
HEAD = [{"type": "Flatten"}, {"type": "Linear", "out_features": 10}]
TWO_LAYERS = [{"type": "Flatten"}, {"type": "Linear", "out_features": 8}, *HEAD[1:]]
JOBS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "text": (
        {"layers": GPT},
        {"format": "text", "path": "text.txt", "context": 8, "batch_size": 32, "stride": 2},
    ),
    "colour images": (
        {"layers": [{"type": "Conv2d", "out_channels": 4, "kernel_size": 3}, *HEAD]},
        {"name": "CIFAR10", "batch_size": 10},
    ),
    "an image folder": (
        {"layers": TWO_LAYERS},
        {"format": "image_folder", "path": "pets", "batch_size": 10},
    ),
    "transformed images": (
        {"layers": TWO_LAYERS},
        {
            "name": "digits",
            "transform": [{"type": "RandomCrop", "size": 6}, {"type": "RandomHorizontalFlip"}],
            "batch_size": 200,
        },
    ),
    "arrays": ({"layer_sizes": [7, 8, 4]}, {"format": "npz", "path": "a.npz", "batch_size": 10}),
    "a table": ({"layer_sizes": [4, 8, 3]}, {"name": "iris", "batch_size": 40}),
    "numbers": ({"layer_sizes": [10, 8, 1]}, {"name": "diabetes", "batch_size": 100}),
    "labels": (
        {"layer_sizes": [12, 8, 4]},
        {"name": "synthetic", "inputs": [12], "labels": 4, "num_train": 300, "batch_size": 100},
    ),
    "synthetic": (
        {"layer_sizes": [12, 8, 3]},
        {"name": "synthetic", "inputs": [12], "classes": 3, "num_train": 300, "batch_size": 100},
    ),
}


@pytest.fixture
def data(world: JobManagerWorld) -> JobManagerWorld:
    (world.storage / "text.txt").write_text(TEXT)
    write_set("CIFAR10", world.storage)
    write_folder(world.storage / "pets", {str(i): 3 for i in range(10)})
    rng = np.random.default_rng(0)
    np.savez(world.storage / "a.npz", x=rng.normal(size=(60, 7)), y=np.arange(60) % 4)
    return world


def new_job(world: JobManagerWorld, kind: str, num_devices: int = 2) -> str:
    job_id = world.manager.create_job(*JOBS[kind])
    for node in range(1, 1 + num_devices):
        world.manager.register_device("localhost", FIRST_PORT + node, job_id)
    return job_id


def train(world: JobManagerWorld, job_id: str, **options: Any) -> dict[str, Any]:
    world.manager.train(job_id, {"epochs": 1, "threads": 1, "learning_rate": 1e-4, **options})
    wait_until(lambda: not world.has_a_session(job_id), TIMEOUT_S, "the job trains")
    return world.manager.get_job(job_id)


@pytest.mark.parametrize("kind", JOBS)
def test_a_job_on_it_is_trained_and_verified(data: JobManagerWorld, kind: str) -> None:
    job_id = new_job(data, kind)
    data.manager.initialize(job_id)
    job = train(data, job_id)
    assert job["status"] == "completed", job["error"]
    assert job["dataset_config"] == JOBS[kind][1]
    assert data.manager.verify(job_id)["equal"]


@pytest.mark.parametrize("kind", ["text", "numbers", "an image folder", "transformed images"])
def test_a_job_manager_takes_it_up_again(data: JobManagerWorld, kind: str) -> None:
    job_id = new_job(data, kind)
    data.manager.initialize(job_id)
    before = train(data, job_id)
    data.restart()
    assert data.manager.get_job(job_id)["history"] == before["history"]
    job = train(data, job_id)
    assert job["status"] == "completed", job["error"]


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"path": "gone.txt"}, "dataset_config.path is 'gone.txt'"),
        ({"path": "/etc/passwd"}, "data_roots"),
        ({"context": 2000}, "dataset_config.context is 2,000"),
        ({"batch_size": 1000}, "batch_size is 1000"),
        ({"resize": [2, 2]}, "dataset_config.resize is no field of the source text"),
    ],
)
def test_what_does_not_fit_the_text_is_refused_and_leaves_no_job(
    data: JobManagerWorld, config: dict[str, Any], named: str
) -> None:
    model, dataset = JOBS["text"]
    with pytest.raises(InvalidRequest) as caught:
        data.manager.create_job(model, {**dataset, **config})
    assert named in caught.value.message
    assert data.manager.list_jobs() == []
    data.manager.create_job(model, dataset)


def test_layer_sizes_are_refused_for_tokens(data: JobManagerWorld) -> None:
    with pytest.raises(InvalidRequest, match=r"layer_sizes takes numbers.*Embedding"):
        data.manager.create_job({"layer_sizes": [8, 29]}, JOBS["text"][1])


def test_other_images_are_not_trained_on_whatever_their_classes(data: JobManagerWorld) -> None:
    job_id = new_job(data, "an image folder", 1)
    data.manager.initialize(job_id)
    train(data, job_id)
    picture(99).save(data.storage / "pets" / "0" / "000.png")
    with pytest.raises(DatasetChanged, match=r"24 training .* 24 training"):
        data.manager.train(job_id, {"epochs": 1})
    (data.storage / "pets" / "0").rename(data.storage / "pets" / "other")
    with pytest.raises(DatasetChanged):
        data.manager.train(job_id, {"epochs": 1})


@pytest.mark.parametrize("text", [TEXT + "ü", TEXT.replace("q", "ü")])
def test_a_text_of_other_characters_is_not_trained_on(data: JobManagerWorld, text: str) -> None:
    job_id = new_job(data, "text", 1)
    data.manager.initialize(job_id)
    (data.storage / "text.txt").write_text(text)
    with pytest.raises(DatasetChanged, match=r"classes, characters or columns are not the same"):
        data.manager.train(job_id, {"epochs": 1})


def test_another_text_is_not_trained_on(data: JobManagerWorld) -> None:
    job_id = new_job(data, "text", 1)
    data.manager.initialize(job_id)
    train(data, job_id)
    text = data.storage / "text.txt"
    text.write_text(TEXT.replace("fox", "cat"))
    with pytest.raises(DatasetChanged, match=r"text\.txt has .* now"):
        data.manager.train(job_id, {"epochs": 1})
    text.unlink()
    with pytest.raises(InvalidRequest, match="no such file"):
        data.manager.train(job_id, {"epochs": 1})
    data.restart()
    with pytest.raises(InvalidRequest, match="no such file"):
        data.manager.train(job_id, {"epochs": 1})
    text.write_text(TEXT)
    assert train(data, job_id)["status"] == "completed"
