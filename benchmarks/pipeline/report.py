"""The pipeline's tables in Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from benchmarks.pipeline.cells import Cell
from benchmarks.pipeline.columns import Column
from benchmarks.pipeline.round_trip import RoundTrips
from benchmarks.plots import plot_bars
from benchmarks.report import machine

BOUNDED = "one node, shared memory, 1f1b"
"""The column whose efficiency is shown: the bound holds for backward passes that are not split."""


def best(columns: Sequence[Column], prefix: str) -> Column:
    """The quickest of those whose names begin so."""
    return min((c for c in columns if c.name.startswith(prefix)), key=lambda c: c.median_s)


def ratio(slower: Column, faster: Column) -> float:
    """How many times as fast, round by round, then the median."""
    pairs = zip(slower.steps_s, faster.steps_s, strict=True)
    return statistics.median(a / b for a, b in pairs)


def report(measured: Mapping[Cell, Sequence[Column]], rounds: int, epochs: int) -> list[str]:
    """Times by column, ratios by cell, efficiency, memory, losses."""
    cells = list(measured)
    names = [column.name for column in measured[cells[0]]]
    lines = [
        f"{rounds} interleaved rounds of {epochs} epochs; {machine()}. Milliseconds a step, median "
        "(lowest–highest).",
        "",
        "| | " + " | ".join(map(str, cells)) + " |",
        "|---|" + "---:|" * len(cells),
    ]
    for index, name in enumerate(names):
        values = " | ".join(_milliseconds(measured[cell][index]) for cell in cells)
        lines.append(f"| {name} | {values} |")
    return [*lines, "", *_ratios(measured), "", *_losses(measured)]


def report_round_trips(found: RoundTrips) -> list[str]:
    """Microseconds by size."""
    sizes = list(next(iter(found.micros.values())))
    lines = [
        "Round trip of one message, µs, median of the rounds' medians.",
        "",
        "| | " + " | ".join(f"{kb} KB" if kb < 1024 else f"{kb // 1024} MB" for kb in sizes) + " |",
        "|---|" + "---:|" * len(sizes),
    ]
    for way, by_size in found.micros.items():
        values = " | ".join(f"{statistics.median(by_size[kb]):,.0f}" for kb in sizes)
        lines.append(f"| {way} | {values} |")
    return lines


def plot(measured: Mapping[Cell, Sequence[Column]]) -> None:
    """Torch's best step over ours, by cell."""
    ways = ("plain, 1 thread", "plain, 2 threads", "one node", "two nodes")
    series = {
        way if way.startswith("plain") else f"Tandem, {way}": [
            ratio(best(columns, "torch"), best(columns, way)) for columns in measured.values()
        ]
        for way in ways
    }
    title = "How many times as fast as torch.distributed.pipelining over gloo (its best schedule)"
    labels = [cell.short_name for cell in measured]
    plot_bars("pipeline", title, labels, series, "times as fast")


def _milliseconds(column: Column) -> str:
    low, high = min(column.steps_s), max(column.steps_s)
    digits = 2 if low < 0.1 else 0
    own = [f"{s * 1e3:.{digits}f}" for s in (column.median_s, low, high)]
    return f"{own[0]} ({own[1]}–{own[2]})"


def _ratios(measured: Mapping[Cell, Sequence[Column]]) -> list[str]:
    lines = [
        "Step time of torch's best schedule over that of our best, on one Ray node and on two; the "
        "efficiency of 1f1b on one node (bound over measured); each stage's peak memory with our "
        "best there.",
        "",
        "| | one node | two nodes | efficiency | peak memory, MB |",
        "|---|---:|---:|---:|---:|",
    ]
    ones, twos = [], []
    for cell, columns in measured.items():
        torch_best, one = best(columns, "torch"), best(columns, "one node")
        ones.append(ratio(torch_best, one))
        twos.append(ratio(torch_best, best(columns, "two nodes")))
        bounded = next(c for c in columns if c.name == BOUNDED)
        peaks = " / ".join(f"{peak / 2**20:.0f}" for peak in one.peak_bytes)
        lines.append(
            f"| {cell} | {ones[-1]:.2f} | {twos[-1]:.2f} | {bounded.efficiency:.2f} | {peaks} |"
        )
    one_mean, two_mean = statistics.geometric_mean(ones), statistics.geometric_mean(twos)
    return [*lines, f"| geometric mean | {one_mean:.2f} | {two_mean:.2f} | | |"]


def _losses(measured: Mapping[Cell, Sequence[Column]]) -> list[str]:
    lines = [
        "Largest difference of a step's loss from plain PyTorch, one thread (0: the same bits).",
        "",
        "| | plain, 2 threads | torch.distributed.pipelining | Tandem |",
        "|---|---:|---:|---:|",
    ]
    for cell, columns in measured.items():
        plain = columns[0].losses
        groups = [("plain, 2",), ("torch",), ("one node", "two nodes")]
        shown = " | ".join(
            _number(max(_difference(c.losses, plain) for c in columns if c.name.startswith(group)))
            for group in groups
        )
        lines.append(f"| {cell} | {shown} |")
    return lines


def _number(value: float) -> str:
    return f"{value:.1e}" if value else "0"


def _difference(own: Sequence[float], plain: Sequence[float]) -> float:
    return max(abs(a - b) for a, b in zip(own, plain, strict=True))
