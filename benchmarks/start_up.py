"""``make bench-start``: seconds from typing ``tandem demo`` to its first optimiser step."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

from benchmarks.report import machine, write_part

DEMO = "from http_gateway.cli.main import app; app()"
SEEN = "First optimiser step seen"
TIMEOUT_S = 180.0


def first_step_s() -> float:
    """One run of the demo, which is let come to its end."""
    begin = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-c", DEMO, "demo"], stdout=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if SEEN in line:
                seen = time.monotonic() - begin
                demo.communicate(timeout=TIMEOUT_S)
                return seen
    raise SystemExit(f"the demo ended with {demo.returncode} before its first step")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    seconds = sorted(first_step_s() for _ in range(parser.parse_args().runs))
    lines = [
        f"{len(seconds)} runs; {machine()}.",
        "",
        f"Median {statistics.median(seconds):.1f} s, from {seconds[0]:.1f} to {seconds[-1]:.1f} s.",
    ]
    write_part("start", lines)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
