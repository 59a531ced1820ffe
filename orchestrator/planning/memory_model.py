"""How many bytes a stage takes on its device, by what Tandem really keeps there.

Counted are the tensors of the job; the process with Python and PyTorch, some 300 MB, is not.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from actors.channels.messages import FLOAT32_BYTES, message_bytes
from actors.core.schedules import Action, Kind
from actors.core.specs import NetworkSpec
from actors.snapshot_keeper import NUM_KEPT

OWN_SNAPSHOTS = NUM_KEPT + 3
"""Those of the last positions, the next one beside them, one that waits to be written as a
checkpoint, and one in Ray's object store, on its way to the neighbour."""
COPIES = NUM_KEPT + 2
"""Of another stage's: those of the last positions, the next one, and that in the object store."""
SLOTS = 2
"""Messages on the way in one direction of an edge: one read while the next is written."""


LEFT_UNITS = 2
"""Between the halves of a split backward pass a microbatch has its activations, and a gradient by
each of them."""
AT_HAND = 3
"""What a pass has at once beside what is held: of a layer the outputs before and after its ReLU, or
the gradients by them, and its inputs, or the gradient by them."""


@dataclass(frozen=True)
class MemoryNeed:
    """Bytes of one stage. ``gradients`` are the sums, and a layer's of one microbatch before they
    are added; ``working`` is what a pass has at hand, be it of a microbatch or of a chunk of the
    validation; ``snapshots`` are its own, ``copies`` those it keeps of another stage."""

    parameters: int
    gradients: int
    optimizer: int
    activations: int
    working: int
    messages: int
    snapshots: int
    copies: int

    @property
    def total(self) -> int:
        return sum(vars(self).values())


@dataclass(frozen=True)
class MemoryModel:
    """What decides a job's memory. ``rows`` are those of a microbatch, ``most_rows`` those of one
    or of a chunk of the validation, whichever has more, ``momentum`` says whether the optimiser
    keeps a value for each parameter."""

    network: NetworkSpec
    batch_size: int
    rows: int
    most_rows: int
    momentum: bool = False

    def of_stage(
        self, start: int, end: int, held: int, copied: tuple[int, int] | None
    ) -> MemoryNeed:
        """Layers ``[start, end)`` that hold ``held`` times the activations of a microbatch, with
        copies of the snapshots of the layers ``copied``."""
        parameters = FLOAT32_BYTES * self.num_parameters(start, end)
        state = parameters if self.momentum else 0
        copies = 0 if copied is None else FLOAT32_BYTES * self.num_parameters(*copied)
        return MemoryNeed(
            parameters,
            parameters + self.fresh_gradient,
            state,
            held * self.rows * FLOAT32_BYTES * sum(self.network.layer_sizes[start : end + 1]),
            self.working,
            self.messages_at(start) + self.messages_at(end),
            OWN_SNAPSHOTS * (parameters + state),
            COPIES * copies * (2 if self.momentum else 1),
        )

    def num_parameters(self, start: int, end: int) -> int:
        """Weights and biases of layers ``[start, end)``."""
        return NetworkSpec(self.network.layer_sizes[start : end + 1]).num_parameters

    @functools.cached_property
    def fresh_gradient(self) -> int:
        """Of one layer, as if it were the network's largest."""
        layers = range(self.network.num_layers)
        return FLOAT32_BYTES * max(self.num_parameters(i, i + 1) for i in layers)

    @functools.cached_property
    def working(self) -> int:
        """As if the network's widest layer was the stage's."""
        return FLOAT32_BYTES * AT_HAND * self.most_rows * max(self.network.layer_sizes)

    def messages_at(self, cut: int) -> int:
        """Of both directions of the edge before layer ``cut``: what is on its way, a step's or as
        much as there are slots for, and one that is being written or read. 0 at the network's
        ends."""
        if cut in (0, self.network.num_layers):
            return 0
        rows = max(self.batch_size, SLOTS * self.most_rows) + self.most_rows
        return 2 * message_bytes(rows, self.network.layer_sizes[cut])


def held_units(actions: Sequence[Action]) -> int:
    """The most that a stage holds at once, in activations of a microbatch."""
    held = left = most = 0
    for action in actions:
        held += (action.kind is Kind.FORWARD) - (action.kind in (Kind.BACKWARD, Kind.INPUT_GRAD))
        left += (action.kind is Kind.INPUT_GRAD) - (action.kind is Kind.WEIGHT_GRAD)
        most = max(most, held + LEFT_UNITS * left)
    return most


def size_text(num_bytes: float) -> str:
    """For people, such as "1.2 GB"."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if num_bytes >= size:
            return f"{num_bytes / size:.1f} {unit}"
    return f"{num_bytes:.0f} bytes"
