"""``python -m benchmarks.against BEFORE AFTER seed_job -- --rounds 1``: compares two checkouts, in
turns.

Runs a benchmark of each checkout in turn, in one environment, and compares every figure of the
first table that it prints. A benchmark writes into its own checkout's ``docs``: give it work trees
that nobody else uses.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.command import child, run
from benchmarks.report import machine
from benchmarks.start_up import environment

Figures = dict[tuple[str, str], float]
"""By row and column of a table."""

NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


def first_table(text: str) -> Figures:
    """The first number of each cell of the first Markdown table; cells without one are left out.
    The first column names the rows, if it has no heading."""
    rows: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
        elif rows:
            break
    if len(rows) < 3:
        return {}
    columns, _, *body = rows
    if columns[0]:
        body = [["", *row] for row in body]
    else:
        columns = columns[1:]
    cells = (
        (name, column, cell)
        for name, *values in body
        for column, cell in zip(columns, values, strict=False)
    )
    found = ((row, name, NUMBER.search(cell)) for row, name, cell in cells)
    return {(row, name): float(m[0].replace(",", "")) for row, name, m in found if m is not None}


def run_once(checkout: Path, benchmark: str, arguments: Sequence[str], timeout_s: float) -> Figures:
    """The benchmark of that checkout; raises ``SystemExit`` with its last words if it fails."""
    with child(
        [sys.executable, "-m", f"benchmarks.{benchmark}", *arguments],
        cwd=checkout,
        env=environment(checkout),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        said, complained = process.communicate(timeout=timeout_s)
    figures = first_table(said)
    if process.returncode or not figures:
        raise SystemExit(f"{benchmark} of {checkout} failed:\n{(said + complained)[-3000:]}")
    return figures


def compared(before: Sequence[Figures], after: Sequence[Figures]) -> list[str]:
    """A table of the figures that both have: medians, and the median of the turns' ratios."""
    shared = [key for key in before[0] if all(key in turn for turn in (*before, *after))]
    lines = ["| | | before | after | after / before |", "|---|---|---:|---:|---:|"]
    for key in shared:
        old, new = [turn[key] for turn in before], [turn[key] for turn in after]
        ratio = statistics.median(b / a for a, b in zip(old, new, strict=True))
        middles = f"{statistics.median(old):,.2f} | {statistics.median(new):,.2f}"
        lines.append(f"| {key[0]} | {key[1]} | {middles} | {ratio:.2f} |")
    for name, turns in (("before", before), ("after", after)):
        if alone := {": ".join(key): None for turn in turns for key in turn if key not in shared}:
            lines += ["", f"Only {name}: {'; '.join(alone)}."]
    return lines


def split_arguments(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Those before ``--``, and those behind it, which are the benchmark's. argparse itself mixes
    them up where an option comes between positional arguments and ``--``."""
    given = list(arguments)
    end = given.index("--") if "--" in given else len(given)
    return given[:end], given[end + 1 :]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("benchmark", help="a module of benchmarks, e.g. seed_job")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--timeout", type=float, default=1800.0, help="of one turn, in seconds")
    own, passed_on = split_arguments(sys.argv[1:])
    asked = parser.parse_args(own)
    figures: Mapping[Path, list[Figures]] = defaultdict(list)
    checkouts = (asked.before.resolve(), asked.after.resolve())
    for turn in range(asked.turns):
        for checkout in checkouts if turn % 2 == 0 else checkouts[::-1]:
            found = run_once(checkout, asked.benchmark, passed_on, asked.timeout)
            figures[checkout].append(found)
            print(f"turn {turn + 1}: {checkout}: {len(found)} figures", flush=True)
    print(f"\n{asked.turns} turns of each; {machine()}.\n")
    print("\n".join(compared(*(figures[checkout] for checkout in checkouts))))


if __name__ == "__main__":
    run(main)
