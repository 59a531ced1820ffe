"""Measures every column of every cell, in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import ray

from benchmarks.pipeline.cells import Cell
from benchmarks.pipeline.columns import Bench, Column
from benchmarks.pipeline.round_trip import RoundTrips, measure_round_trips
from benchmarks.pipeline.tandem import join_cluster
from benchmarks.pipeline.torch_pipelining import TorchPipeline
from benchmarks.pipeline.worker import Worker
from orchestrator.cluster.embedded_nodes import free_port


@dataclass(frozen=True)
class Measured:
    """The columns of each cell; ``round_trips`` is None if they were not asked for."""

    cells: dict[Cell, list[Column]]
    round_trips: RoundTrips | None


def measure(
    address: str, cells: Sequence[Cell], rounds: int, epochs: int, with_round_trips: bool
) -> Measured:
    """On the Ray cluster at ``address``, which has two nodes."""
    plain, torch_pipeline = Worker(), TorchPipeline(free_port())
    try:
        bench = Bench(join_cluster(address), plain, torch_pipeline)
        columns = {cell: _measure_cell(bench, cell, rounds, epochs) for cell in cells}
        if not with_round_trips:
            return Measured(columns, None)
        return Measured(columns, measure_round_trips(bench.nodes, torch_pipeline, rounds))
    finally:
        plain.stop()
        torch_pipeline.stop()
        ray.shutdown()  # before the cluster ends: Ray ends a process whose cluster is gone


def _measure_cell(bench: Bench, cell: Cell, rounds: int, epochs: int) -> list[Column]:
    with bench.columns(cell) as columns:
        for _ in range(rounds):
            for column in columns:
                column.measure(cell, epochs)
        for column in columns:
            efficiency = f"{column.efficiency:.2f}" if column.efficiency else ""
            print(f"{cell} {column.name}: {column.median_s * 1e3:.2f} ms {efficiency}", flush=True)
        return columns
