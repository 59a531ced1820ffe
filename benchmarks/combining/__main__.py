"""``make bench-combining``: a network too large for either device, unlike devices, and predictions
against what steps took; all over REST.

Each part is written to ``docs/benchmarks.md`` when it is measured. Real MNIST is read from the
folder that TANDEM_DATA_DIR names.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.combining import memory, prediction, unlike
from benchmarks.combining.jobs import write_first_of_mnist
from benchmarks.command import run
from benchmarks.report import mnist_data_dir, write_part

PARTS = {
    "combine": ("why combine", lambda folder, rounds: memory.measure(folder)),
    "unlike": ("unlike devices", unlike.measure),
    "predict": ("predicted", prediction.measure),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of unlike devices and predictions")
    parser.add_argument("--only", choices=PARTS, nargs="*", help="these parts")
    asked = parser.parse_args()
    for key in asked.only or PARTS:
        title, measure = PARTS[key]
        with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
            write_first_of_mnist(Path(folder), mnist_data_dir())
            lines = measure(Path(folder), asked.rounds)
        write_part(title, lines)
        print("\n".join(lines), flush=True)


if __name__ == "__main__":
    run(main)
