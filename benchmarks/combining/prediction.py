"""Compares predictions with what happened: a step's time, and whether the devices are worth
combining."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.combining.jobs import Task, connect, trained_plan, two_devices, write_text
from benchmarks.pipeline.cells import CELLS, Cell
from benchmarks.report import machine
from http_gateway.client import TandemClient

ONE_THREAD = {"devices": {"1": {"threads": 1}, "2": {"threads": 1}}}
MIN_EPOCHS = 3
STEPS_PER_EPOCH = 4
"""A cell's epochs: its steps in the other benchmark over this, so that a small one has many."""
CLEARLY = 1.2
"""A verdict is judged only if one way takes at least this many times as long as the other."""


@dataclass(frozen=True)
class Round:
    """Seconds of a step. ``alone`` is the quicker of one device with one thread and with all
    cores; ``worth`` is the verdict."""

    predicted_s: float
    measured_s: float
    predicted_alone_s: float
    measured_alone_s: float
    worth: bool

    @property
    def right(self) -> bool | None:
        """Whether the verdict is; None where the two ways are too close."""
        ratio = self.measured_alone_s / self.measured_s
        return self.worth == (ratio > 1) if max(ratio, 1 / ratio) >= CLEARLY else None


def measure(folder: Path, rounds: int) -> list[str]:
    """A row a cell."""
    found: dict[Cell, list[Round]] = {cell: [] for cell in CELLS}
    write_text(folder)
    with two_devices(folder) as gateway:
        for _ in range(rounds):
            for _, cells in groupby(CELLS, lambda cell: cell.name):
                for cell, one in _network(connect(gateway), gateway.info["devices"], list(cells)):
                    found[cell].append(one)
                    print(f"{cell}: {one}", flush=True)
    return report(found, rounds)


def _network(
    client: TandemClient, devices: list[dict[str, Any]], cells: Sequence[Cell]
) -> Iterator[tuple[Cell, Round]]:
    """One device by one thread and by all its cores, then the cells, which share a network."""
    single = trained_plan(client, devices[:1], _task(cells[0], {}))
    cores = {"threads": single["devices"][0]["cores"]}
    every = trained_plan(client, devices[:1], _task(cells[0], cores))
    alone_s = min(single["measured"]["step_s"], every["measured"]["step_s"])
    for cell in cells:
        task = _task(cell, {"num_microbatches": cell.num_microbatches})
        plan = trained_plan(client, devices, replace(task, initialize=ONE_THREAD))
        yield cell, _round(plan, alone_s)


def _task(cell: Cell, options: dict[str, Any]) -> Task:
    epochs = max(MIN_EPOCHS, cell.num_steps // STEPS_PER_EPOCH)
    config, batch_size = cell.model_config, cell.batch_size
    return Task(config, batch_size, epochs, {}, options, cell.is_text)


def _round(plan: dict[str, Any], alone_s: float) -> Round:
    measured, verdict = plan["measured"], plan["verdict"]
    assert measured["note"] is None, measured["note"]
    rivals = [verdict[name]["step_s"] for name in ("same_threads", "all_cores") if verdict[name]]
    worth = verdict["worth_combining"]
    return Round(plan["step_s"], measured["step_s"], min(rivals), alone_s, worth)


def report(found: dict[Cell, list[Round]], rounds: int) -> list[str]:
    """In Markdown; ratios are taken round by round, then their median."""
    return [
        f"{rounds} interleaved rounds; {machine()}.",
        "",
        "| | predicted, ms a step | measured, ms a step | predicted / measured (lowest–highest) "
        "| alone / together, predicted | the same, measured | verdict: combine | right |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
        *(_row(cell, found[cell]) for cell in found),
    ]


def _row(cell: Cell, rounds: Sequence[Round]) -> str:
    middle = statistics.median
    ratios = [r.predicted_s / r.measured_s for r in rounds]
    predicted = middle(r.predicted_alone_s / r.predicted_s for r in rounds)
    measured = middle(r.measured_alone_s / r.measured_s for r in rounds)
    judged = [r.right for r in rounds if r.right is not None]
    right = f"{sum(judged)} of {len(judged)}" if judged else "too close"
    return (
        f"| {cell} | {_ms(r.predicted_s for r in rounds)} | {_ms(r.measured_s for r in rounds)} "
        f"| {middle(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f}) | {predicted:.2f} "
        f"| {measured:.2f} | {sum(r.worth for r in rounds)} of {len(rounds)} | {right} |"
    )


def _ms(seconds: Iterator[float]) -> str:
    ms = statistics.median(seconds) * 1e3
    return f"{ms:.0f}" if ms >= 100 else f"{ms:.1f}"
