"""The tables in Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from actors.core.recipe.wire_format import WIRES
from benchmarks.network.columns import TANDEM
from benchmarks.network.driver import Found
from benchmarks.pipeline.columns import TORCH
from benchmarks.report import machine
from tests.support.links import Link

Table = Mapping[Link, Found | str]
"""The results by link, or why there is none."""


def report(table: Table, rounds: int, epochs: int) -> list[str]:
    """Links as they were, steps and ratios, and what snapshots cost."""
    measured = {link: found for link, found in table.items() if isinstance(found, Found)}
    head = (
        f"{rounds} interleaved rounds of {epochs} epochs, after one that is left out; {machine()}."
    )
    return [head, "", *_links(table), "", *_steps(measured), "", *_snapshots(measured)]


def _links(table: Table) -> list[str]:
    lines = [
        "The links as gloo found them.",
        "",
        "| link | 8 KB there and back, ms | a large message, Mbit/s |",
        "|---|---:|---:|",
    ]
    for link, found in table.items():
        if isinstance(found, str):
            lines.append(f"| {link} | not measured: `{found}` | |")
        else:
            lines.append(f"| {link} | {found.round_trip_s * 1e3:.2f} | {found.mbit_per_s:,.0f} |")
    return lines


def _steps(measured: Mapping[Link, Found]) -> list[str]:
    names = next((list(columns) for f in measured.values() for columns in f.steps_s.values()), [])
    lines = [
        "Milliseconds a step, median of the rounds.",
        "",
        f"| link | network | {' | '.join(names)} |",
        f"|---|---|{'---:|' * len(names)}",
    ]
    ratios = [
        "How many times as fast Tandem is as torch.distributed.pipelining, each by its best "
        "column, by the precision of Tandem's messages; round by round, then the median "
        "(lowest–highest).",
        "",
        f"| link | network | {' | '.join(WIRES)} |",
        f"|---|---|{'---:|' * len(WIRES)}",
    ]
    for link, found in measured.items():
        for cell, columns in found.steps_s.items():
            shown = " | ".join(_ms(columns[name]) for name in names)
            lines.append(f"| {link} | {cell} | {shown} |")
            by_wire = " | ".join(_ratio(columns, wire) for wire in WIRES)
            ratios.append(f"| {link} | {cell} | {by_wire} |")
    return [*lines, "", *ratios]


def _ratio(columns: Mapping[str, Sequence[float]], wire: str) -> str:
    ways = [str(way) for way in TANDEM if way.wire == wire]
    torch, own = (_best([columns[name] for name in names]) for names in (TORCH, ways))
    ratios = [a / b for a, b in zip(torch, own, strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"


def _best(columns: Sequence[Sequence[float]]) -> Sequence[float]:
    return min(columns, key=statistics.median)


def _snapshots(measured: Mapping[Link, Found]) -> list[str]:
    lines = [
        "What snapshots cost: the mean step of a long run. The interval is that between the last "
        "two snapshots.",
        "",
        "| link | network | without, ms | with, ms | slower by | lowest–highest | interval, s |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for link, found in measured.items():
        for cell, columns in found.snapshots.items():
            without, with_them = columns.values()
            cost = [b / a - 1 for a, b in zip(without, with_them, strict=True)]
            interval_s = found.intervals_s[cell]
            lines.append(
                f"| {link} | {cell} | {_ms(without)} | {_ms(with_them)} | "
                f"{statistics.median(cost):.1%} | {min(cost):.1%} to {max(cost):.1%} | "
                f"{'none was taken' if interval_s is None else f'{interval_s:.1f}'} |"
            )
    return lines


def _ms(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds) * 1e3:,.1f}"
