"""``make bench-pipeline``: step times of two stages, by every way to run them, interleaved.

Writes its part of ``docs/benchmarks.md``. Real MNIST is read from the folder that TANDEM_DATA_DIR
names.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.pipeline.cells import CELLS, Cell, Samples
from benchmarks.pipeline.columns import Bench, Column
from benchmarks.pipeline.report import report
from benchmarks.pipeline.tandem import join_cluster
from benchmarks.pipeline.torch_pipelining import TorchPipeline
from benchmarks.pipeline.worker import Worker
from benchmarks.report import write_part
from http_gateway.gateway_process import GatewayProcess
from orchestrator.embedded_nodes import free_port
from orchestrator.local_cluster import stop_local_cluster


def measure(cells: Sequence[Cell], rounds: int, epochs: int) -> dict[Cell, list[Column]]:
    """Every cell's columns, round by round."""
    samples = Samples.of_mnist(max(cell.num_train for cell in CELLS))
    measured: dict[Cell, list[Column]] = {}
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        storage = Path(folder)
        gateway = GatewayProcess.start(
            storage, ["--local-devices", "2", "--local-nodes"], timeout_s=120
        )
        plain, torch_pipeline = Worker(), TorchPipeline(free_port())
        try:
            nodes = join_cluster(gateway, storage)
            bench = Bench(samples, nodes, plain, torch_pipeline)
            for cell in cells:
                measured[cell] = _measure_cell(bench, cell, rounds, epochs)
        finally:
            plain.stop()
            torch_pipeline.stop()
            gateway.stop()
            stop_local_cluster(storage)
    return measured


def _measure_cell(bench: Bench, cell: Cell, rounds: int, epochs: int) -> list[Column]:
    with bench.columns(cell) as columns:
        for _ in range(rounds):
            for column in columns:
                column.measure(cell, epochs)
        for column in columns:
            efficiency = f"{column.efficiency:.2f}" if column.efficiency else ""
            print(f"{cell} {column.name}: {column.median_s * 1e3:.2f} ms {efficiency}", flush=True)
        return columns


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=4, help="timed, after one that is not")
    parser.add_argument("--only", type=int, nargs="*", help="cells by number, nothing is written")
    parser.add_argument("--json", type=Path, help="the medians, in ms")
    asked = parser.parse_args()
    cells = CELLS if asked.only is None else [CELLS[i] for i in asked.only]
    measured = measure(cells, asked.rounds, asked.epochs + 1)
    if asked.json:
        medians = {
            str(c): {x.name: x.median_s * 1e3 for x in columns} for c, columns in measured.items()
        }
        asked.json.write_text(json.dumps(medians, indent=1))
    lines = report(measured, asked.rounds, asked.epochs)
    if asked.only is None:
        write_part("pipeline", lines)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
