"""``make bench-seed``: the small MNIST job on two devices of one node, against plain loops.

One run, rounds interleaved: in each round every column trains one session, so that a drifting
machine drifts under all of them. Writes its part of ``docs/benchmarks.md``. Real MNIST is read
from the folder that TANDEM_DATA_DIR names.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from actors.core.folders import Folders
from actors.core.model.blocks import build_blocks
from actors.core.model.model_spec import TensorSpec, mlp
from actors.core.sources.registry import parse_source, read_source
from actors.core.sources.samples import Samples
from actors.core.sources.source_facts import CLASS
from actors.core.sources.views import SampleView, SampleViews, Scaling
from actors.core.stages.batches import epoch_batches
from actors.core.stages.specs import SessionSpec
from benchmarks.command import run
from benchmarks.report import machine, mnist_data_dir, write_part
from http_gateway.client import TandemClient
from http_gateway.process.gateway_process import GatewayProcess

LAYER_SIZES = [784, 128, 64, 10]
SCALING = Scaling((0.1307,), (0.3081,), 255.0)
VIEW = SampleView(TensorSpec((LAYER_SIZES[0],)), SCALING)
TIMEOUT_S = 300.0


@dataclass
class Column:
    """One way to train: ``run`` trains some epochs and returns samples/s of each but the first."""

    name: str
    run: Callable[[int], list[float]]
    rates: list[float] = field(default_factory=list)


def plain_loop(
    dataset: Samples, num_microbatches: int, prepared: bool
) -> Callable[[int], list[float]]:
    """A plain PyTorch loop with 1 thread; ``prepared`` inputs were normalised beforehand."""
    images = torch.from_numpy(dataset.train.inputs)
    labels = torch.from_numpy(dataset.train.targets)
    floats = VIEW.prepare(images) if prepared else None

    def run(epochs: int) -> list[float]:
        torch.set_num_threads(1)
        session = _session(dataset, epochs, num_microbatches)
        model = build_blocks(mlp(tuple(LAYER_SIZES)), 0, 3)
        optimizer = torch.optim.SGD(model.parameters(), lr=session.recipe.learning_rate)
        rates = []
        for epoch in range(epochs):
            begin = time.perf_counter()
            for microbatches in epoch_batches(session, epoch):
                optimizer.zero_grad()
                rows = sum(len(m.samples) for m in microbatches)
                for m in microbatches:
                    if floats is None:
                        inputs = VIEW.prepare(images[m.samples])
                    else:
                        inputs = floats[m.samples]
                    loss = functional.cross_entropy(model(inputs), labels[m.samples])
                    if len(microbatches) > 1:
                        loss = loss * (len(m.samples) / rows)
                    loss.backward()
                    loss.item()
                optimizer.step()
            rates.append(session.num_train / (time.perf_counter() - begin))
        return rates[1:]

    return run


def tandem_job(
    client: TandemClient, devices: list[dict[str, Any]], options: dict[str, Any]
) -> Callable[[int], list[float]]:
    """The same by REST on ``devices``, with the samples/s of the job's history."""

    def run(epochs: int) -> list[float]:
        job_id = client.create_job(
            {"layer_sizes": LAYER_SIZES},
            {
                "name": "MNIST",
                "batch_size": 256,
                "val_batch_size": 1000,
                "normalize": {"mean": [*SCALING.mean], "std": [*SCALING.std]},
            },
        )
        for device in devices:
            client.register_device(ip=device["ip"], port=device["port"], job_id=job_id)
        client.initialize(job_id)
        client.train(job_id, epochs=epochs, learning_rate=0.1, threads=1, **options)
        job = client.wait_for(job_id, {"completed", "failed"}, timeout_s=TIMEOUT_S)
        assert job["status"] == "completed", job
        client.delete_job(job_id)
        return [record["samples_per_s"] for record in job["history"][1:]]

    return run


def _session(dataset: Samples, epochs: int, num_microbatches: int) -> SessionSpec:
    return SessionSpec(
        generation=1,
        epochs=epochs,
        batch_size=256,
        val_batch_size=1000,
        num_train=len(dataset.train.targets),
        num_val=len(dataset.val.targets),
        views=SampleViews(VIEW, CLASS),
        num_microbatches=num_microbatches,
    )


def measure(rounds: int, epochs: int) -> list[Column]:
    """Every column, round by round, against one embedded cluster."""
    dataset = read_source(parse_source({"name": "MNIST"}), Folders(mnist_data_dir(), ()))
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as storage:
        gateway = GatewayProcess.start(Path(storage), ["--local-devices", "2"])
        try:
            columns = _columns(TandemClient(gateway.url, timeout_s=120.0), gateway, dataset)
            for index in range(rounds):
                for column in columns:
                    column.rates.append(statistics.median(column.run(epochs)))
                    print(f"round {index + 1}: {column.name}: {column.rates[-1]:,.0f} samples/s")
        finally:
            gateway.stop()
    return columns


def _columns(client: TandemClient, gateway: GatewayProcess, dataset: Samples) -> list[Column]:
    devices = gateway.info["devices"]
    columns = [
        Column("plain loop, 1 thread", plain_loop(dataset, 1, prepared=False)),
        Column("plain loop, inputs normalised beforehand", plain_loop(dataset, 1, prepared=True)),
        Column("Tandem, 1 device", tandem_job(client, devices[:1], {})),
        Column("Tandem, 2 devices, defaults", tandem_job(client, devices, {})),
    ]
    for m in (1, 2, 4):
        options: dict[str, Any] = {"num_microbatches": m}
        columns.append(
            Column(f"Tandem, 2 devices, {m} microbatches", tandem_job(client, devices, options))
        )
    columns.append(
        Column("plain loop, 1 thread, 4 microbatches", plain_loop(dataset, 4, prepared=False))
    )
    return columns


def report(columns: list[Column], rounds: int, epochs: int) -> list[str]:
    """The measured table in Markdown; ratios are taken round by round, then their median."""
    plain = columns[0].rates
    lines = [
        f"{rounds} interleaved rounds of {epochs} epochs, the first of each left out; {machine()}.",
        "",
        "| | samples/s, median | lowest–highest | of the plain loop, median |",
        "|---|---:|---:|---:|",
    ]
    for column in columns:
        ratios = [own / base for own, base in zip(column.rates, plain, strict=True)]
        lines.append(
            f"| {column.name} | {statistics.median(column.rates):,.0f} | "
            f"{min(column.rates):,.0f}–{max(column.rates):,.0f} | {statistics.median(ratios):.2f} |"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=6)
    asked = parser.parse_args()
    lines = report(measure(asked.rounds, asked.epochs), asked.rounds, asked.epochs)
    write_part("seed job", lines)
    print("\n".join(lines))


if __name__ == "__main__":
    run(main)
