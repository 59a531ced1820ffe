"""Shared by the parts: a cluster, the first samples of MNIST, and a job from create to delete."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.pipeline.cells import CONTEXT, VOCABULARY
from http_gateway.client import TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.jobs import train

TEXT = "drawn.txt"
NUM_CHARACTERS = 60_000
NUM_TRAIN = 5120
NUM_VAL = 1000
CLIENT_TIMEOUT_S = 120.0
TRAIN_TIMEOUT_S = 300.0


@dataclass(frozen=True)
class Task:
    """A training for some epochs, of which the first is not measured. ``initialize`` and
    ``options`` are further fields of the bodies of initialize and train."""

    model: Mapping[str, Any]
    batch_size: int
    epochs: int
    initialize: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    is_text: bool = False

    @property
    def dataset(self) -> dict[str, Any]:
        batches = {"batch_size": self.batch_size, "val_batch_size": NUM_VAL}
        if not self.is_text:
            return {"name": "MNIST", **batches}
        text = {"path": TEXT, "tokens": "characters", "context": CONTEXT, "stride": CONTEXT}
        return {"format": "text", **text, **batches, "val_batch_size": self.batch_size}


def write_text(folder: Path) -> None:
    """Characters that are drawn: what they say makes no difference to the time."""
    letters = [chr(ord("0") + i) for i in range(VOCABULARY)]
    drawn = random.Random(0).choices(letters, k=NUM_CHARACTERS)
    (folder / TEXT).write_text("".join(drawn), encoding="utf-8")


def write_first_of_mnist(folder: Path, data_dir: Path) -> None:
    """MNIST's own files in ``folder``, cut off after the first samples."""
    target = folder / "MNIST" / "raw"
    target.mkdir(parents=True)
    for part, count in (("train", NUM_TRAIN), ("t10k", NUM_VAL)):
        for kind, header, size in (("images-idx3", 16, 28 * 28), ("labels-idx1", 8, 1)):
            name = f"{part}-{kind}-ubyte"
            with (data_dir / "MNIST" / "raw" / name).open("rb") as file:
                content = file.read(header + count * size)
            # Bytes 4 to 8 are the number of samples.
            (target / name).write_bytes(content[:4] + count.to_bytes(4, "big") + content[8:])


@contextmanager
def two_devices(folder: Path) -> Iterator[GatewayProcess]:
    """A gateway with two devices of one Ray node; ``folder`` has the data, too."""
    env = {**os.environ, "TANDEM_DATA_DIR": str(folder)}
    gateway = GatewayProcess.start(folder / "storage", ["--local-devices", "2"], env)
    try:
        yield gateway
    finally:
        gateway.stop()


def connect(gateway: GatewayProcess) -> TandemClient:
    return TandemClient(gateway.url, timeout_s=CLIENT_TIMEOUT_S)


def trained_plan(
    client: TandemClient, devices: Sequence[dict[str, Any]], task: Task
) -> dict[str, Any]:
    """Trains it on these devices, by one thread each unless the task says otherwise; the plan that
    was in force, with what its steps took."""
    job_id = client.create_job(dict(task.model), task.dataset)
    for device in devices:
        client.register_device(ip=device["ip"], port=device["port"], job_id=job_id)
    client.initialize(job_id, **task.initialize)
    job = train(client, job_id, TRAIN_TIMEOUT_S, epochs=task.epochs, **task.options)
    assert job["status"] == "completed", job
    plan = client.get_plan(job_id)
    client.delete_job(job_id)
    return plan
