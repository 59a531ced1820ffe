"""Every way to train a cell, and its result."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from benchmarks.pipeline.cells import Cell, Samples, Timing
from benchmarks.pipeline.plain import train_plain
from benchmarks.pipeline.tandem import Pair, Run, Way, bound_s, step_s
from benchmarks.pipeline.torch_pipelining import TorchPipeline
from benchmarks.pipeline.worker import Worker
from orchestrator.devices.placement import Node

Data = tuple[Cell, Samples]
PLAIN = ("plain, 1 thread", "plain, 2 threads")
TORCH = {"torch 1f1b": "1f1b", "torch zero bubble": "zb"}
ONE_NODE = (
    Way("shared_memory", "1f1b"),
    Way("shared_memory", "gpipe"),
    Way("shared_memory", "zb-h2"),
    Way("gloo", "1f1b"),
    Way("gloo", "zb-h2"),
    Way("actor_calls", "1f1b"),
)
TWO_NODES = (
    Way("gloo", "1f1b"),
    Way("gloo", "gpipe"),
    Way("gloo", "zb-h2"),
    Way("actor_calls", "1f1b"),
    Way("actor_calls", "zb-h2"),
)


@dataclass
class Column:
    """``steps_s`` has a median a round; of ours, ``efficiencies`` what of a round's time was
    needed."""

    name: str
    train: Callable[[int], Timing | Run]
    steps_s: list[float] = field(default_factory=list)
    efficiencies: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    peak_bytes: list[int] = field(default_factory=list)

    @property
    def median_s(self) -> float:
        return statistics.median(self.steps_s)

    @property
    def efficiency(self) -> float | None:
        """Bound over measured, their median over the rounds."""
        return statistics.median(self.efficiencies) if self.efficiencies else None

    def measure(self, cell: Cell, epochs: int) -> None:
        """One round."""
        done = self.train(epochs)
        timing = done.timing if isinstance(done, Run) else done
        self.steps_s.append(step_s(timing))
        self.losses = timing.losses
        if isinstance(done, Run):
            self.efficiencies.append(bound_s(cell, done) / statistics.mean(timing.seconds))
            known = self.peak_bytes or done.peak_bytes
            self.peak_bytes = [max(p) for p in zip(known, done.peak_bytes, strict=True)]


@dataclass(frozen=True)
class Bench:
    """What all cells share."""

    nodes: list[Node]
    plain: Worker
    torch: TorchPipeline

    @contextmanager
    def columns(self, cell: Cell) -> Iterator[list[Column]]:
        """The cell's columns, ready to be measured in turn; LayerActors end with the block."""
        data = (cell, Samples.of(cell))
        with ExitStack() as stack:
            yield [
                *(self._plain(data, name, i + 1) for i, name in enumerate(PLAIN)),
                *(self._torch(data, name, kind) for name, kind in TORCH.items()),
                *self._tandem(data, "one node", [self.nodes[0]] * 2, ONE_NODE, stack),
                *self._tandem(data, "two nodes", self.nodes, TWO_NODES, stack),
            ]

    def _plain(self, data: Data, name: str, threads: int) -> Column:
        return Column(name, lambda epochs: self.plain.call(train_plain, *data, epochs, threads))

    def _torch(self, data: Data, name: str, kind: str) -> Column:
        return Column(name, lambda epochs: self.torch.train(*data, epochs, kind))

    def _tandem(
        self,
        data: Data,
        where: str,
        nodes: list[Node],
        ways: tuple[Way, ...],
        stack: ExitStack,
    ) -> Iterator[Column]:
        pairs: dict[str, Pair] = {}

        def by(way: Way) -> Callable[[int], Run]:
            def train(epochs: int) -> Run:
                if way.kind not in pairs:
                    pairs[way.kind] = Pair(*data, nodes, way.kind)
                    stack.callback(pairs[way.kind].stop)
                return pairs[way.kind].train(epochs, way)

            return train

        for way in ways:
            yield Column(f"{where}, {way}", by(way))
