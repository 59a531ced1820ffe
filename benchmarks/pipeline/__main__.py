"""``make bench-pipeline``: step times of two stages, by every way to run them, interleaved.

Writes its part of ``docs/benchmarks.md``. Real MNIST is read from the folder that TANDEM_DATA_DIR
names.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path

from benchmarks.command import run
from benchmarks.pipeline.cells import CELLS
from benchmarks.plots import check_can_plot
from benchmarks.report import mnist_data_dir, write_part
from http_gateway.process.gateway_process import GatewayProcess
from orchestrator.cluster.local_cluster import cluster_auth, stop_local_cluster


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=4, help="timed, after one that is not")
    parser.add_argument(
        "--only",
        type=int,
        nargs="*",
        help="cells by number, without round trips; nothing is written",
    )
    parser.add_argument("--json", type=Path, help="the medians, in ms")
    asked = parser.parse_args()
    if asked.only is None:
        check_can_plot()
    mnist_data_dir()
    cells = CELLS if asked.only is None else [CELLS[i] for i in asked.only]
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        storage = Path(folder)
        arguments = ["--local-devices", "2", "--local-nodes"]
        gateway = GatewayProcess.start(storage, arguments, timeout_s=120)
        try:
            os.environ.update(cluster_auth(storage))
            # Ray reads its variables when it is imported.
            from benchmarks.pipeline.measure import measure
            from benchmarks.pipeline.report import plot, report, report_round_trips

            address = gateway.info["ray_address"]
            is_whole = asked.only is None
            measured = measure(address, cells, asked.rounds, asked.epochs + 1, is_whole)
        finally:
            gateway.stop()
            stop_local_cluster(storage)
    if asked.json:
        medians = {
            str(cell): {column.name: column.median_s * 1e3 for column in columns}
            for cell, columns in measured.cells.items()
        }
        asked.json.write_text(json.dumps(medians, indent=1))
    lines = report(measured.cells, asked.rounds, asked.epochs)
    if measured.round_trips is not None:
        lines += ["", *report_round_trips(measured.round_trips)]
    print("\n".join(lines))
    if asked.only is None:
        write_part("pipeline", lines)
        plot(measured.cells)


if __name__ == "__main__":
    run(main)
