"""Tandem's own stages: real LayerActors over real channels, driven as the JobManager does."""

from __future__ import annotations

import itertools
import os
import statistics
import time
from dataclasses import dataclass, replace
from typing import Any

import ray

from actors.core.model.blocks import num_blocks
from actors.core.recipe.precision import FP32
from actors.core.stages.specs import SessionSpec, StageSpec
from actors.feeding.reading import Reading
from actors.loop.reports import Seen, StageReport
from benchmarks.pipeline.cells import NUM_VAL, Cell, Samples, Timing
from benchmarks.processes import peak_bytes
from orchestrator.connection.ray_connection import connect
from orchestrator.data.stored_splits import StoredDataset
from orchestrator.devices.placement import Node, ResolvedDevice, parse_nodes
from orchestrator.jobs.job import Device
from orchestrator.sessions import edges
from orchestrator.sessions.recovery.snapshot_copies import SnapshotCopies
from orchestrator.sessions.stage_group import StageGroup, StagePlacement
from orchestrator.sessions.starting.stage_data import DataDelivery

START_TIMEOUT_S = 60.0
RUN_TIMEOUT_S = 300.0
POLL_INTERVAL_S = 10.0
NEVER = 10**9


@dataclass(frozen=True)
class Way:
    """How two of our stages train: the channels, the schedule, whether they take snapshots, and the
    precision of messages."""

    kind: str
    schedule: str
    snapshots: bool = True
    wire: str = FP32

    def __str__(self) -> str:
        without = "" if self.snapshots else ", without snapshots"
        wire = "" if self.wire == FP32 else f", {self.wire}"
        return f"{self.kind.replace('_', ' ')}, {self.schedule}{without}{wire}"


@dataclass(frozen=True)
class Run:
    """A session's timing, and each stage's report."""

    timing: Timing
    reports: list[StageReport]
    peak_bytes: list[int]


def join_cluster(address: str) -> list[Node]:
    """Makes this process a driver of the cluster at ``address``; its nodes, by port."""
    connect(address)
    return sorted(parse_nodes(ray.nodes()), key=lambda node: node.port)


class Pair:
    """Two LayerActors on these nodes, joined by channels of one kind, for one cell."""

    _numbers = itertools.count()

    def __init__(self, cell: Cell, samples: Samples, nodes: list[Node], kind: str) -> None:
        self._cell = cell
        self._kind = kind
        name = f"bench-{os.getpid()}-{next(self._numbers)}"
        places = _placements(cell, nodes)
        self._places, self._name = places, name
        self._group = StageGroup.start(name, places, None, START_TIMEOUT_S, SnapshotCopies())
        DataDelivery(_stored(cell, samples)).give(self._group, lambda: False)
        self._generation = 0

    def train(self, epochs: int, way: Way) -> Run:
        """One session from the seed's weights, over its own channels."""
        self._generation += 1
        session = self._cell.session(epochs, way.schedule, self._generation)
        session = replace(session, recipe=replace(session.recipe, wire=way.wire))
        if not way.snapshots:
            session = replace(session, max_lost_steps=NEVER)
        actors = self._group.actors
        if self._generation > 1:
            specs = [place.spec for place in self._places]
            pairs = zip(actors, specs, strict=True)
            ray.get([a.build.remote(spec, None) for a, spec in pairs], timeout=START_TIMEOUT_S)
        edges.connect(self._group, session, self._kind, START_TIMEOUT_S)
        self._run(session)
        reports = ray.get([actor.poll.remote(Seen()) for actor in actors], timeout=START_TIMEOUT_S)
        batch = self._cell.batch_size
        seconds = [batch / record.samples_per_s for record in reports[-1].epochs]
        losses = [record.loss for record in reports[-1].steps]
        return Run(Timing(seconds, losses), reports, self._peaks())

    def _run(self, session: SessionSpec) -> None:
        """Runs to the end and polls, because a LayerActor that nobody polls ends itself."""
        ends = self._group.run("benchmark", session, [1, 1])
        deadline = time.monotonic() + RUN_TIMEOUT_S
        running = ends
        while running and time.monotonic() < deadline:
            _, running = ray.wait(running, num_returns=len(running), timeout=POLL_INTERVAL_S)
            polls = [actor.poll.remote(Seen()) for actor in self._group.actors]
            ray.get(polls, timeout=START_TIMEOUT_S)
        ray.get(ends, timeout=0)

    def stop(self) -> None:
        self._group.kill()

    def _peaks(self) -> list[int]:
        """The most resident memory that each stage's process has had, bytes."""
        from ray._private.state import actors

        pids = {a["Name"]: a["Pid"] for a in actors().values() if a["State"] == "ALIVE"}
        return [peak_bytes(pids[f"{self._name}-stage-{i}"]) for i in range(len(self._places))]


def bound_s(cell: Cell, run: Run) -> float:
    """The least time of a step by the stages' own measured times, transport left out: the
    pipeline's critical path through each stage. A mean over all epochs of the run. It holds for
    backward passes that are not split: halves fill the time before the next step begins.
    """
    steps = cell.num_steps * len(run.timing.seconds)
    calls = steps * cell.num_microbatches
    own = [(r.seconds.load_s + r.seconds.forward_s + r.seconds.backward_s) for r in run.reports]
    one = [seconds / calls for seconds in own]
    updates = [r.seconds.update_s / steps for r in run.reports]
    through = [
        cell.num_microbatches * seconds + sum(one[:i]) + update
        for i, (seconds, update) in enumerate(zip(one, updates, strict=True))
    ]
    return max(*through, sum(one))


def step_s(timing: Timing) -> float:
    """Median over the epochs but the first."""
    return statistics.median(timing.seconds[1:])


def _placements(cell: Cell, nodes: list[Node]) -> list[StagePlacement]:
    ranges = [(0, cell.cut), (cell.cut, num_blocks(cell.network))]
    places = []
    for index, ((start, end), node) in enumerate(zip(ranges, nodes, strict=True)):
        device = Device(index + 1, node.ip, node.port)
        # Port 0 is no device's resource: both stages may be on one node.
        resolved = ResolvedDevice(node.ip, 0, node)
        places.append(
            StagePlacement(StageSpec.of(cell.network, index, 2, start, end), device, resolved)
        )
    return places


def _stored(cell: Cell, samples: Samples) -> StoredDataset:
    refs: list[Any] = [
        ray.put(samples.inputs),
        ray.put(samples.targets),
        ray.put(samples.inputs[:NUM_VAL]),
        ray.put(samples.targets[:NUM_VAL]),
    ]
    reading = Reading("", 1, 1)  # all of it lies in memory
    return StoredDataset(*refs, cell.num_train, NUM_VAL, reading)
