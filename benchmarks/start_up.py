"""``make bench-start``: seconds from typing ``tandem demo`` to its first optimiser step.

``--against FOLDER`` measures another checkout, too, in turns with this one and in the same
environment: both mean the same machine, as busy as it is.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.command import child, run
from benchmarks.report import machine, write_part

HERE = Path(__file__).resolve().parent.parent
DEMO = "from http_gateway.cli.main import app; app()"
SEEN = "First optimiser step seen"
TIMEOUT_S = 180.0


def first_step_s(checkout: Path) -> float:
    """One run of the demo of that checkout, which is let come to its end."""
    begin = time.monotonic()
    with child(
        [sys.executable, "-c", DEMO, "demo"],
        stdout=subprocess.PIPE,
        cwd=checkout,
        env=environment(checkout),
    ) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if SEEN in line:
                seen = time.monotonic() - begin
                demo.communicate(timeout=TIMEOUT_S)
                return seen
    raise SystemExit(f"the demo of {checkout} ended with {demo.returncode} before its first step")


def environment(checkout: Path) -> dict[str, str]:
    """Makes Python, Ray's workers too, import the checkout and keep its byte code, as for users."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": str(checkout)}


def summary(seconds: Sequence[float]) -> str:
    """The median and the range."""
    middle, least, most = statistics.median(seconds), min(seconds), max(seconds)
    return f"Median {middle:.1f} s, from {least:.1f} to {most:.1f} s."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--against", type=Path, help="a checkout to compare with")
    arguments = parser.parse_args()
    checkouts = [HERE] if arguments.against is None else [arguments.against.resolve(), HERE]
    for checkout in checkouts:
        first_step_s(checkout)  # compiles what is not compiled yet
    seconds: dict[Path, list[float]] = {checkout: [] for checkout in checkouts}
    for _ in range(arguments.runs):
        for checkout in checkouts:
            seconds[checkout].append(first_step_s(checkout))
    lines = [f"{arguments.runs} runs; {machine()}.", "", summary(seconds[HERE])]
    if arguments.against is not None:
        before = seconds[checkouts[0]]
        ratio = statistics.median(seconds[HERE]) / statistics.median(before)
        lines += ["", f"In turns with the state before: {summary(before)} Ratio {ratio:.2f}."]
    write_part("start", lines)
    print("\n".join(lines))


if __name__ == "__main__":
    run(main)
