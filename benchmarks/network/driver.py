"""Measures over one link. Runs on the head's host, as a driver of its cluster:

``python -m benchmarks.network.driver <a Request in JSON> <where the Found goes>``.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
import sys
from dataclasses import dataclass, field
from pathlib import Path

import ray

from benchmarks.command import run
from benchmarks.network.columns import CONVOLUTIONS, MEDIUM, MEGABYTES, SMALL, Places
from benchmarks.pipeline.round_trip import gloo_round_trips
from benchmarks.pipeline.tandem import Way, join_cluster
from benchmarks.pipeline.torch_pipelining import Place, TorchPipeline

CELLS = (SMALL, CONVOLUTIONS, MEGABYTES)
TORCH_PORT = 29_500
PROBE_KB = 4096
SNAPSHOT_WAYS = (Way("gloo", "1f1b", snapshots=False), Way("gloo", "1f1b"))
SNAPSHOT_CELL = MEDIUM
"""A stage with this many weights takes several snapshots in a minute."""


@dataclass(frozen=True)
class Request:
    """``devices`` are (ip, network namespace) of the two hosts that train. Without
    ``snapshot_epochs`` what snapshots cost is not measured; ``cells`` are numbers of ``CELLS``."""

    address: str
    devices: list[list[str]]
    rounds: int
    epochs: int
    cells: list[int]
    snapshot_epochs: int | None


@dataclass
class Found:
    """Seconds a step, a value a round, by cell and column; of ``snapshots`` the mean of a whole
    run instead of its epochs' median. ``round_trip_s`` is one of 8 KB by gloo, ``mbit_per_s`` what
    a large message gets there."""

    round_trip_s: float
    mbit_per_s: float
    steps_s: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    snapshots: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    intervals_s: dict[str, float | None] = field(default_factory=dict)


def measure(request: Request, places: Places, found: Found) -> None:
    """Every column of every cell, in turn, round by round."""
    for number in request.cells:
        cell = CELLS[number]
        with places.columns(cell) as columns:
            for _ in range(request.rounds):
                for column in columns:
                    column.measure(cell, request.epochs + 1)
            found.steps_s[str(cell)] = {column.name: column.steps_s for column in columns}
        print(cell, found.steps_s[str(cell)], flush=True)


def measure_snapshots(request: Request, places: Places, found: Found) -> None:
    """Long runs, so that several snapshots are taken."""
    assert request.snapshot_epochs is not None
    seconds: dict[str, list[float]] = {str(way): [] for way in SNAPSHOT_WAYS}
    pair = places.pair(SNAPSHOT_CELL, SNAPSHOT_WAYS[0].kind)
    try:
        for _ in range(request.rounds):
            for way in SNAPSHOT_WAYS:
                run = pair.train(request.snapshot_epochs + 1, way)
                seconds[str(way)].append(statistics.mean(run.timing.seconds[1:]))
                interval_s = run.reports[0].snapshot_interval_s
                print(way, seconds[str(way)][-1], interval_s, flush=True)
    finally:
        pair.stop()
    found.snapshots[str(SNAPSHOT_CELL)] = seconds
    found.intervals_s[str(SNAPSHOT_CELL)] = interval_s


def main() -> None:
    asked, target = sys.argv[1:]
    request = Request(**json.loads(asked))
    nodes = {node.ip: node for node in join_cluster(request.address)}
    first, second = (Place(*device) for device in request.devices)
    torch = TorchPipeline(TORCH_PORT, (first, second))
    places = Places([nodes[ip] for ip, _ in request.devices], torch)
    try:
        (quick_s, _), (large_s, _) = (
            torch.each(gloo_round_trips, kb, count) for kb, count in ((8, 40), (PROBE_KB, 3))
        )
        found = Found(quick_s, 2 * PROBE_KB * 1024 * 8e-6 / large_s)
        measure(request, places, found)
        if request.snapshot_epochs is not None:
            measure_snapshots(request, places, found)
    finally:
        places.stop()
        ray.shutdown()
    Path(target).write_text(json.dumps(dataclasses.asdict(found)))


if __name__ == "__main__":
    run(main)
