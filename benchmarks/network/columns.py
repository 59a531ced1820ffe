"""The networks trained over each link, and the ways to train them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from benchmarks.pipeline.cells import CELLS, Cell, Samples, Timing
from benchmarks.pipeline.columns import PLAIN, TORCH, Column
from benchmarks.pipeline.plain import train_plain
from benchmarks.pipeline.tandem import Pair, Run, Way
from benchmarks.pipeline.torch_pipelining import TorchPipeline
from benchmarks.pipeline.worker import Worker
from orchestrator.devices.placement import Node

TANDEM = (
    Way("gloo", "1f1b"),
    Way("gloo", "zb-h1"),
    Way("gloo", "1f1b", wire="bf16"),
    Way("gloo", "1f1b", wire="int8"),
    Way("actor_calls", "1f1b"),
)
"""Tandem's columns, a line each."""

SMALL, MEDIUM, CONVOLUTIONS, MEGABYTES = (
    next(cell for cell in CELLS if str(cell) == name)
    for name in (
        "[784, 128, 64, 10] B256 M4",
        "[784, 512×3, 10] B256 M4",
        "CNN B64 M4",
        "[784, 2048×4, 10] B512 M4",
    )
)
"""The last one's messages have 1 MB each."""


class Places:
    """The trainers: LayerActors on two nodes, torch's processes on the same two hosts, and one
    process without a network."""

    def __init__(self, nodes: list[Node], torch: TorchPipeline) -> None:
        self._nodes = nodes
        self._torch = torch
        self._plain = Worker()

    def stop(self) -> None:
        self._plain.stop()
        self._torch.stop()

    @contextmanager
    def columns(self, cell: Cell) -> Iterator[list[Column]]:
        """Ready to be measured in turn; LayerActors end with the block."""
        data = (cell, Samples.of(cell))
        with ExitStack() as stack:
            yield [
                Column(PLAIN[0], lambda epochs: self._plain.call(train_plain, *data, epochs, 1)),
                *(Column(name, self._by_torch(data, kind)) for name, kind in TORCH.items()),
                *self._by_tandem(data, TANDEM, stack),
            ]

    def pair(self, cell: Cell, kind: str) -> Pair:
        """Tandem's alone."""
        return Pair(cell, Samples.of(cell), self._nodes, kind)

    def _by_torch(self, data: tuple[Cell, Samples], kind: str) -> Callable[[int], Timing]:
        return lambda epochs: self._torch.train(*data, epochs, kind)

    def _by_tandem(
        self, data: tuple[Cell, Samples], ways: tuple[Way, ...], stack: ExitStack
    ) -> Iterator[Column]:
        pairs = {}
        for kind in dict.fromkeys(way.kind for way in ways):
            pairs[kind] = Pair(*data, self._nodes, kind)
            stack.callback(pairs[kind].stop)
        for way in ways:
            yield Column(str(way), _by(pairs[way.kind], way))


def _by(pair: Pair, way: Way) -> Callable[[int], Run]:
    return lambda epochs: pair.train(epochs, way)
