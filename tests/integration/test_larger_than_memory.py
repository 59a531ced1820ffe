"""Data that a gateway with little memory reads while jobs train, with the same bits; that changes
meanwhile; and that is missing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from http_gateway.client import ApiError, TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.jobs import ENDED, create_job, layer_actors, wait_for_step, wait_until
from tests.support.own_files import write_folder
from tests.support.ray_state import process_of_stage
from tests.support.undisturbed import assert_undisturbed

CNN = {"architecture": "cnn", "config": {"channels": [4, 8], "hidden": 16, "dropout": 0.1}}
PETS = {
    "format": "image_folder",
    "path": "pets",
    "resize": [40, 40],
    "transform": [
        {"type": "RandomCrop", "size": 40, "padding": 4},
        {"type": "RandomHorizontalFlip"},
    ],
    "batch_size": 16,
    "val_batch_size": 30,
}
OPTIONS: dict[str, Any] = {"epochs": 5, "learning_rate": 0.05, "num_microbatches": 2, "threads": 1}
MEMORY_BYTES = 2**20
"""Half of what the samples would take."""


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_folder(folder / "pets/train", {"cat": 200, "dog": 200})
    write_folder(folder / "pets/val", {"cat": 40, "dog": 40})
    return folder


@pytest.fixture(scope="module")
def small(
    tmp_path_factory: pytest.TempPathFactory, home: Path, data_dir: Path
) -> Iterator[GatewayProcess]:
    """A gateway that has little memory for data, with a node a device."""
    env = {**os.environ, "HOME": str(home), "TANDEM_DATA_MEMORY_BYTES": str(MEMORY_BYTES)}
    storage = tmp_path_factory.mktemp("storage")
    arguments = ["--local-devices", "2", "--local-nodes", "--data-dir", str(data_dir)]
    process = GatewayProcess.start(storage, arguments, env)
    yield process
    assert process.stop() == 0, process.log_path.read_text()


@pytest.fixture
def client(small: GatewayProcess) -> TandemClient:
    return TandemClient(small.url, timeout_s=60.0)


def prepared(gateway: GatewayProcess, client: TandemClient, data: dict[str, Any]) -> str:
    job_id = client.create_job(CNN, data, failure_policy={"max_lost_steps": 10})
    for device in gateway.info["devices"]:
        client.register_device(**device, job_id=job_id)
    client.initialize(job_id, partition="even")
    return job_id


def test_missing_data_names_the_folder_and_the_offline_choice(
    small: GatewayProcess, data_dir: Path
) -> None:
    client = TandemClient(small.url, timeout_s=90.0)
    job_id = create_job(client, small.info["devices"], {"name": "MNIST"})
    with pytest.raises(ApiError) as refused:
        client.initialize(job_id)
    assert refused.value.status == 409
    assert str(data_dir) in refused.value.message and '"digits"' in refused.value.message
    assert client.get_job(job_id)["status"] == "created"
    wait_until(lambda: not layer_actors(small.info["pids"]), 10, "no actor is left")


def test_rows_that_are_read_give_the_bits_of_rows_in_memory_after_a_killed_device_too(
    small: GatewayProcess, client: TandemClient, data_dir: Path
) -> None:
    job_id = prepared(small, client, PETS)
    victim = process_of_stage(small, 0)
    client.train(job_id, **OPTIONS)
    wait_for_step(client, job_id, 20)
    victim.kill()
    job = client.wait_for(job_id, ENDED, timeout_s=120.0)
    assert job["status"] == "completed" and job["recovery"]["num_failures"] == 1, job
    assert_undisturbed(client, job_id, OPTIONS, data_dir)
    told = client.verify(job_id)
    assert told["equal"], told


def test_a_file_that_changes_ends_the_job_with_its_name(
    small: GatewayProcess, client: TandemClient, data_dir: Path
) -> None:
    job_id = prepared(small, client, PETS)
    client.train(job_id, **{**OPTIONS, "epochs": 5_000})
    wait_for_step(client, job_id, 10)
    image = data_dir / "pets/train/cat/007.png"
    image.write_bytes(image.read_bytes() + b" ")
    job = client.wait_for(job_id, ENDED, timeout_s=120.0)
    assert job["status"] == "failed", job
    assert "007.png changed while it was read" in job["error"]
