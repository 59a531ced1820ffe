"""``make bench-wire``: what a lossy wire does to the loss, and what it costs and saves.

Two stages in threads of this process train the same job in each precision of messages. Writes its
part of ``docs/benchmarks.md``.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from actors.channels.messages import decode, encode
from actors.core.model.facts import model_facts
from actors.core.recipe.precision import FP32
from actors.core.recipe.wire_format import WIRES, pack
from actors.core.sources.registry import parse_source, read_source
from actors.core.sources.samples import Samples
from actors.core.stages.specs import SessionSpec
from actors.host.allocator import keep_freed_memory
from benchmarks.command import run
from benchmarks.report import machine, mnist_data_dir, write_part
from orchestrator.jobs.job_spec import JobSpec
from tests.support.in_process import build_pipeline
from tests.support.sources import folders, job_spec

LAST_STEPS = 50
CODED_MB = (1, 4)
FEATURES = 1024
ROUNDS = 30
LIMIT_S = 600.0


@dataclass(frozen=True)
class Case:
    """A job; ``steps`` are trained of it, ``num_val`` samples are validated on."""

    name: str
    model: dict[str, Any]
    data: dict[str, Any]
    train: dict[str, Any]
    steps: int
    num_val: int
    metric: str


@dataclass(frozen=True)
class Outcome:
    """``train_loss`` is the mean of the last steps; bytes are those that crossed the cut in a
    step."""

    wire: str
    train_loss: float
    val_loss: float
    metric: float
    step_bytes: float
    losses: tuple[float, ...]


CASES = (
    Case(
        "CNN, MNIST",
        {"architecture": "cnn", "seed": 1},
        {"name": "MNIST", "batch_size": 64},
        {"optimizer": "AdamW", "learning_rate": 0.002},
        steps=100,
        num_val=2000,
        metric="accuracy",
    ),
    Case(
        "GPT, tinyshakespeare",
        {"architecture": "gpt", "config": {"embed_dim": 128, "depth": 4, "num_heads": 4}},
        {
            "format": "text",
            "path": "text/tinyshakespeare.txt",
            "context": 64,
            "stride": 1,
            "batch_size": 12,
        },
        {"optimizer": "AdamW", "learning_rate": 0.001, "clip_grad_norm": 1.0},
        steps=120,
        num_val=400,
        metric="accuracy",
    ),
)


def train(case: Case, wire: str, folder: Path, steps: int | None = None) -> Outcome:
    """Two stages of as many blocks each."""
    job, samples = job_of(case, wire, folder)
    session = session_of(case, job, steps or case.steps)
    pipeline = build_pipeline(
        job.model, session, samples, [0, job.num_blocks // 2, job.num_blocks], slots=8
    )
    pipeline.run(timeout_s=LIMIT_S)
    if pipeline.errors:
        raise next(iter(pipeline.errors.values()))
    board = pipeline.loops[-1].board
    losses = tuple(step.loss for step in board.steps.after(0))
    metrics = board.epochs.all()[-1].metrics
    loss, metric = metrics["loss"], metrics[case.metric]
    assert loss is not None and metric is not None
    last = statistics.fmean(losses[-LAST_STEPS:])
    return Outcome(wire, last, loss, metric, step_bytes(job, session, wire), losses)


def job_of(case: Case, wire: str, folder: Path) -> tuple[JobSpec, Samples]:
    """With its samples."""
    job = job_spec(case.model, case.data, folder, train_config={**case.train, "wire": wire})
    own = {k: v for k, v in case.data.items() if k != "batch_size"}
    return job, read_source(parse_source(own), folders(folder))


def session_of(case: Case, job: JobSpec, steps: int) -> SessionSpec:
    return SessionSpec(
        generation=1,
        epochs=1,
        batch_size=job.batch_size,
        val_batch_size=100,
        num_train=job.data.num_train,
        num_val=min(case.num_val, job.data.num_val),
        views=job.views,
        num_microbatches=2,
        recipe=job.train.recipe,
        task=job.task,
        max_steps=steps,
        max_lost_steps=10**6,
    )


def step_bytes(job: JobSpec, session: SessionSpec, wire: str) -> float:
    """Activations and gradients of a whole batch, headers included."""
    rows = session.batch_size // session.num_microbatches
    sample = model_facts(job.model)[job.num_blocks // 2].inputs
    return 2.0 * session.num_microbatches * len(_encode(torch.zeros(rows, *sample.shape), wire))


def coding_rows() -> list[str]:
    """A row for each precision: bytes, and processor time of both ends by the tensor's size."""
    lines = [
        "| wire | 1 MB: bytes | encode, ms | decode, ms | 4 MB: bytes | encode, ms | decode, ms |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    torch.set_num_threads(1)
    for wire in WIRES:
        cells = []
        for size_mb in CODED_MB:
            tensor = torch.randn(size_mb * 2**20 // (4 * FEATURES), FEATURES)
            data = _encode(tensor, wire)
            coded_ms = _least_ms(functools.partial(_encode, tensor, wire))
            read_ms = _least_ms(functools.partial(decode, data))
            cells += [f"{len(data):,}", f"{coded_ms:.2f}", f"{read_ms:.2f}"]
        lines.append(f"| {wire} | {' | '.join(cells)} |")
    return lines


def _encode(tensor: torch.Tensor, wire: str) -> bytes:
    return b"".join(encode(1, 1, 1, pack(tensor, wire)))


def _least_ms(call: Callable[[], object]) -> float:
    """The least of some rounds, because other work on the machine does not matter here."""
    seconds = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        call()
        seconds.append(time.process_time() - begin)
    return 1000 * min(seconds)


def loss_rows(case: Case, outcomes: Sequence[Outcome]) -> list[str]:
    """A row for each precision."""
    exact = next(own for own in outcomes if own.wire == FP32)
    return [
        f"| {case.name}, {len(own.losses)} steps | {own.wire} | {own.train_loss:.4f} | "
        f"{own.val_loss:.4f} | {own.metric:.4f} | {own.step_bytes:,.0f} | "
        f"{own.step_bytes / exact.step_bytes:.2f} |"
        for own in outcomes
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, help="of each job, instead of its own number")
    steps, folder = parser.parse_args().steps, mnist_data_dir()
    keep_freed_memory()  # as LayerActors do
    lines = [
        f"{machine()}.",
        "",
        f"| job | wire | training loss, last {LAST_STEPS} steps | validation loss | accuracy | "
        "bytes a step | of fp32's |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for case in CASES:
        lines += loss_rows(case, [train(case, wire, folder, steps) for wire in WIRES])
    lines += ["", *coding_rows()]
    write_part("wire", lines)
    print("\n".join(lines))


if __name__ == "__main__":
    run(main)
