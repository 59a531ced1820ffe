"""``make bench-reading``: training on images that are read while a job trains, and on 6 GB of data
within a bound of 1 GB.

Writes its part of ``docs/benchmarks.md``. Real MNIST is read from the folder that TANDEM_DATA_DIR
names, and written as PNG files to a temporary one.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from benchmarks.command import run
from benchmarks.own_data import PNGS, write_pngs
from benchmarks.report import machine, mnist_data_dir, write_part
from http_gateway.client import TandemClient
from http_gateway.process.gateway_process import GatewayProcess

CNN = {"architecture": "cnn"}
BATCH_SIZE = 64
IMAGES = {"format": "image_folder", "path": PNGS, "batch_size": BATCH_SIZE}
OPTIONS: dict[str, Any] = {"optimizer": "AdamW", "learning_rate": 0.002}
LITTLE_BYTES = 4 * 10**6
"""Less than the images take when they are decoded."""
BOUND_BYTES = 10**9
LARGE = {
    "name": "synthetic",
    "inputs": [3, 128, 128],
    "dtype": "uint8",
    "classes": 10,
    "num_train": 122_000,
    "num_val": 1_000,
    "batch_size": 256,
}
LARGE_BYTES = 3 * 128 * 128 * (122_000 + 1_000)
POOLED = {
    "layers": [
        {"type": "AvgPool2d", "kernel_size": 16},
        {"type": "Flatten"},
        {"type": "Linear", "out_features": 64},
        {"type": "ReLU"},
        {"type": "Linear", "out_features": 10},
    ]
}
"""So little to compute that all of the large data set is read in a minute or two."""
CLIENT_TIMEOUT_S, TRAIN_TIMEOUT_S = 120.0, 900.0
LOOK_INTERVAL_S = 0.05


class PngFolder(Dataset[tuple[torch.Tensor, int]]):
    """The same files, as one would read them in PyTorch."""

    def __init__(self, root: Path) -> None:
        self.files = sorted(root.glob("*/*.png"))

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        with Image.open(self.files[index]) as image:
            return torch.from_numpy(np.asarray(image).copy()), int(self.files[index].parent.name)


@dataclass
class Column:
    """A gateway, and the samples/s of each of its sessions, the first epoch left out."""

    gateway: GatewayProcess
    rates: list[float] = field(default_factory=list)

    def measure(self, epochs: int) -> None:
        job = trained(self.gateway, CNN, IMAGES, epochs=epochs)
        self.rates.append(statistics.median(r["samples_per_s"] for r in job["history"][1:]))


def trained(
    gateway: GatewayProcess, model: dict[str, Any], data: dict[str, Any], **options: Any
) -> dict[str, Any]:
    """A job over the gateway's two devices, when it is completed; it is deleted."""
    client = TandemClient(gateway.url, timeout_s=CLIENT_TIMEOUT_S)
    job_id = client.create_job(model, data)
    for device in gateway.info["devices"]:
        client.register_device(**device, job_id=job_id)
    client.initialize(job_id)
    client.train(job_id, threads=1, **OPTIONS, **options)
    job = client.wait_for(job_id, {"completed", "failed"}, timeout_s=TRAIN_TIMEOUT_S)
    assert job["status"] == "completed", job
    client.delete_job(job_id)
    return job


@contextmanager
def serving(folder: Path, data_dir: Path, memory_bytes: int | None) -> Iterator[GatewayProcess]:
    """A gateway whose data may take so much memory."""
    limit = {} if memory_bytes is None else {"TANDEM_DATA_MEMORY_BYTES": str(memory_bytes)}
    env = {**os.environ, **limit, "TANDEM_DATA_DIR": str(data_dir)}
    gateway = GatewayProcess.start(folder, ["--local-devices", "2"], env)
    try:
        yield gateway
    finally:
        gateway.stop()


def loader_rate(root: Path, processes: int) -> float:
    """Samples/s of PyTorch's loader over one epoch, after one that is not counted."""
    loader = DataLoader(
        PngFolder(root),
        BATCH_SIZE,
        shuffle=True,
        num_workers=processes,
        persistent_workers=True,
        multiprocessing_context="spawn",
    )
    for _ in range(2):
        begin, count = time.perf_counter(), 0
        for images, _labels in loader:
            count += len(images)
        rate = count / (time.perf_counter() - begin)
    return rate


def measure_images(folder: Path, rounds: int, epochs: int) -> list[str]:
    """Rows of the table: the same job on the same files, in turns."""
    write_pngs(mnist_data_dir(), folder / PNGS)
    processes = max(2, os.cpu_count() or 1)
    loader = []
    with (
        serving(folder / "in-memory", folder, None) as memory,
        serving(folder / "read", folder, LITTLE_BYTES) as read,
    ):
        columns = {"decoded once, in memory": Column(memory), "read while it trains": Column(read)}
        for _ in range(rounds):
            for column in columns.values():
                column.measure(epochs)
            loader.append(loader_rate(folder / PNGS / "train", processes))
    base, later = (column.rates for column in columns.values())
    ratio = statistics.median(b / a for a, b in zip(base, later, strict=True))
    lines = ["| | samples/s, median | of the same in memory |", "|---|---:|---:|"]
    shares = ("1.00", f"{ratio:.2f}")
    for (name, column), share in zip(columns.items(), shares, strict=True):
        lines.append(f"| CNN on two devices, images {name} | {_rate(column.rates)} | {share} |")
    name = f"PyTorch's DataLoader with {processes} processes, reading alone"
    return [*lines, f"| {name} | {_rate(loader)} | |"]


def _rate(rates: Sequence[float]) -> str:
    return f"{statistics.median(rates):,.0f}"


@dataclass
class Peak:
    """The most memory that data took: what Ray's object store had, and the processes of the tasks
    that read, in bytes of their own."""

    store_bytes: int = 0
    task_bytes: int = 0


@contextmanager
def watched(pids: Sequence[int]) -> Iterator[Peak]:
    """Looks at the Ray nodes with these processes until the block ends."""
    peak, ended = Peak(), threading.Event()

    def look() -> None:
        while not ended.wait(LOOK_INTERVAL_S):
            store = tasks = 0
            for pid in pids:
                for process in psutil.Process(pid).children(recursive=True):
                    try:
                        name = " ".join(process.cmdline())
                        memory = process.memory_full_info()
                    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                        continue
                    if "raylet/raylet" in name:
                        store = max(store, process.memory_info().shared)
                    elif "read_rows" in name:
                        tasks += memory.uss
            peak.store_bytes = max(peak.store_bytes, store)
            peak.task_bytes = max(peak.task_bytes, tasks)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()


def measure_large(folder: Path) -> list[str]:
    """What 6 GB take within the bound, all of them once."""
    with (
        serving(folder / "large", folder, BOUND_BYTES) as gateway,
        watched(gateway.info["pids"]) as peak,
    ):
        job = trained(gateway, POOLED, LARGE, epochs=1)
    rate = job["history"][0]["samples_per_s"]
    return [
        f"{LARGE_BYTES / 1e9:.1f} GB of synthetic images ({LARGE['inputs']}, uint8) within "
        f"{BOUND_BYTES / 1e9:.0f} GB: an epoch at {rate:,.0f} samples/s, "
        f"{rate * 3 * 128 * 128 / 1e6:,.0f} MB/s, by a network that computes little. "
        "At most, the pages of the object store that were ever used took "
        f"{peak.store_bytes / 1e6:,.0f} MB, and the processes that read took "
        f"{peak.task_bytes / 1e6:,.0f} MB of their own, Python included."
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as name:
        folder = Path(name)
        large = measure_large(folder)
        print("\n".join(large), flush=True)
        images = measure_images(folder, asked.rounds, asked.epochs)
    about = f"{asked.rounds} interleaved rounds of {asked.epochs} epochs, the first left out"
    lines = [f"{about}; {machine()}.", "", *images]
    print("\n".join(lines))
    write_part("reading", [*lines, "", *large])


if __name__ == "__main__":
    run(main)
