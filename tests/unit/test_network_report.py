"""The tables of ``make bench-network``."""

from __future__ import annotations

from benchmarks.network.columns import TANDEM
from benchmarks.network.driver import Found
from benchmarks.network.report import report
from tests.support.links import Link


def row(lines: list[str], begin: str) -> list[str]:
    """The cells behind ``begin`` of the only row with it."""
    (found,) = [line for line in lines if line.startswith(begin)]
    return [cell.strip() for cell in found.removeprefix(begin).strip(" |").split("|")]


def test_each_precision_is_compared_with_torchs_best_round_by_round() -> None:
    by_wire = {"fp32": [0.02, 0.01], "bf16": [0.01, 0.01], "int8": [0.005, 0.01]}
    own = {str(way): by_wire[way.wire] for way in TANDEM}
    torch = {"torch 1f1b": [0.02, 0.03], "torch zero bubble": [0.5, 0.5]}
    columns = {"plain, 1 thread": [0.001, 0.001], **torch, **own}
    found = Found(0.001, 95.0, steps_s={"net": columns})
    lines = report({Link(mbit_per_s=100): found}, rounds=2, epochs=3)
    ratios = lines[lines.index("| link | network | fp32 | bf16 | int8 |") :]
    assert row(ratios, "| 100 Mbit/s | net |") == [
        "2.00 (1.00–3.00)",
        "2.50 (2.00–3.00)",
        "3.50 (3.00–4.00)",
    ]


def test_what_snapshots_cost_is_told_with_their_interval() -> None:
    seconds = {"without": [1.0, 2.0], "with": [1.02, 2.0]}
    found = Found(0.001, 95.0, snapshots={"net": seconds}, intervals_s={"net": 27.04})
    lines = report({Link(mbit_per_s=100): found}, rounds=2, epochs=3)
    assert row(lines, "| 100 Mbit/s | net |") == [
        "1,500.0",
        "1,510.0",
        "1.0%",
        "0.0% to 2.0%",
        "27.0",
    ]


def test_a_link_that_this_kernel_can_not_make_is_named_with_the_reason() -> None:
    lines = report({Link(loss_percent=0.1): "no nft here"}, rounds=1, epochs=1)
    assert row(lines, "| 0.1 % loss |") == ["not measured: `no nft here`"]
