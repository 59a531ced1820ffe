"""How many bytes a stage takes on its device, from what Tandem really keeps there.

It counts the tensors of the job, but not the process with Python and PyTorch, some 300 MB.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from actors.channels.messages import message_bytes
from actors.copies.snapshot_keeper import NUM_KEPT
from actors.core.model.facts import BlockFacts
from actors.core.model.model_spec import TensorSpec
from actors.core.recipe.precision import FP32
from actors.core.schedule.rules import max_held
from actors.core.schedule.schedules import Action, ActionKind

OWN_SNAPSHOTS = NUM_KEPT + 3
"""Those of the last positions, the next one, one that waits to be written as a checkpoint, and one
in Ray's object store, on its way to the neighbour."""
COPIES = NUM_KEPT + 2
"""Copies of another stage's snapshots: those of the last positions, the next one, and the one in
the object store."""
AT_HAND = 2
"""Tensors inside a block that live at once in a forward pass which keeps nothing."""
LOSS_TENSORS = 2
"""Tensors as large as the outputs: what the loss computes from them, and its gradient."""
SLOTS = 2
"""Messages on the way in one direction of an edge: one read while the next is written."""


@dataclass(frozen=True)
class MemoryNeed:
    """Bytes of one stage. ``parameters`` include buffers. ``gradients`` are the sums, and a block's
    gradients for one microbatch before they are added. ``activations`` wait for backward passes.
    ``working`` is the memory of a pass besides those, for a microbatch or a chunk of the
    validation. ``snapshots`` are its own, ``copies`` are another stage's."""

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
    """Everything that decides a job's memory. ``targets`` is one sample of the loss's targets.
    ``rows`` are those of a microbatch, ``most_rows`` those of one or of a chunk of the validation,
    whichever has more. ``optimizer_copies`` is how many values the optimiser keeps for each value
    of a parameter. With ``is_bf16`` each microbatch has its own bfloat16 copy of the weights. With
    ``runs_ahead`` a stage whose blocks are frozen may be a whole step ahead of the next one.
    Messages have the precision ``wire``."""

    facts: tuple[BlockFacts, ...]
    targets: TensorSpec
    batch_size: int
    rows: int
    most_rows: int
    optimizer_copies: int = 0
    is_bf16: bool = False
    runs_ahead: bool = False
    wire: str = FP32

    def of_stage(
        self, start: int, end: int, held: Held, copied: tuple[int, int] | None
    ) -> MemoryNeed:
        """Blocks ``[start, end)``, with copies of the snapshots of the blocks ``copied``."""
        blocks = range(start, end)
        own = [self.of_block(index, held) for index in blocks]
        return MemoryNeed(
            sum(need.parameters for need in own),
            sum(need.gradients for need in own) + max(map(self.fresh_gradients, blocks)),
            sum(need.optimizer for need in own),
            sum(need.activations for need in own),
            max(map(self.working, blocks)),
            self.messages_at(start, held) + self.messages_at(end, held),
            sum(need.snapshots for need in own),
            0 if copied is None else COPIES * sum(map(self.snapshot_bytes, range(*copied))),
        )

    def of_block(self, index: int, held: Held) -> MemoryNeed:
        """The bytes that a block adds to its stage, whatever else the stage has."""
        block = self.facts[index]
        return MemoryNeed(
            parameters=block.parameter_bytes + block.buffer_bytes,
            gradients=block.parameter_bytes,
            optimizer=self.optimizer_copies * block.parameter_bytes,
            activations=self.activations(index, held),
            working=0,
            messages=0,
            snapshots=OWN_SNAPSHOTS * self.snapshot_bytes(index),
            copies=0,
        )

    def snapshot_bytes(self, index: int) -> int:
        """Parameters, buffers, and what the optimiser keeps."""
        block = self.facts[index]
        state = block.parameter_bytes + block.buffer_bytes
        return state + self.optimizer_copies * block.parameter_bytes

    def fresh_gradients(self, index: int) -> int:
        """A block's of one microbatch, before they are added to the others."""
        return self.facts[index].parameter_bytes

    def activations(self, index: int, held: Held) -> int:
        """A block's tensors that wait: its inputs, what autograd saved, its outputs, and gradients
        for the second half of a split backward pass. For the last block also the targets of a
        batch, and what the loss keeps of them."""
        block, rows = self.facts[index], self.rows
        kept = held.forward * (rows * _ends(block) + block.saved.of(rows))
        if self.is_last(index):
            kept += (self.batch_size + held.forward * rows) * self.targets.num_bytes
        if self.is_bf16:  # weights as they are computed with
            kept += held.forward * (block.parameter_bytes + block.buffer_bytes) // 2
        return kept + held.left * block.left.of(rows)

    def working(self, index: int) -> int:
        """The memory of a pass through the block: its inputs, its outputs, and tensors in between.
        Backward these are gradients for what was kept; forward, some large tensors."""
        block, rows, most = self.facts[index], self.rows, self.most_rows
        backward = rows * _ends(block) + block.saved.of(rows) + block.left.of(rows)
        forward = most * _ends(block) + AT_HAND * block.largest.of(most)
        if self.is_last(index):
            backward += LOSS_TENSORS * rows * block.outputs.num_bytes
            forward += most * self.targets.num_bytes
        return max(backward, forward)

    def is_last(self, index: int) -> bool:
        """Whether the loss is of the block's outputs."""
        return index == len(self.facts) - 1

    def largest_passing(self) -> int:
        """The largest memory of a block besides what adds up over the blocks of a stage."""
        blocks = range(len(self.facts))
        return max(map(self.fresh_gradients, blocks)) + max(map(self.working, blocks))

    def messages_at(self, cut: int, held: Held) -> int:
        """The messages of both directions at the edge before block ``cut``. As many are on their
        way as a stage or the one before holds, or as there are slots; and one is being written or
        read, as a tensor. 0 at the model's ends."""
        if cut in (0, len(self.facts)):
            return 0
        ahead = self.batch_size
        if not self.runs_ahead:
            ahead = min(ahead, (held.forward + 1) * self.rows)
        sample = self.facts[cut].inputs
        under_way = message_bytes(max(ahead, SLOTS * self.most_rows), sample, self.wire)
        return 2 * (under_way + self.most_rows * sample.num_bytes)


@dataclass(frozen=True)
class Held:
    """How many microbatches a stage holds at once: the activations of ``forward``, and for ``left``
    of them also gradients for the second half of a split backward pass."""

    forward: int
    left: int = 0


def held_at_once(actions: Sequence[Action]) -> Held:
    """The microbatches that a stage holds when it runs these actions."""
    left = most_left = 0
    for action in actions:
        left += (action.kind is ActionKind.INPUT_GRAD) - (action.kind is ActionKind.WEIGHT_GRAD)
        most_left = max(most_left, left)
    return Held(max_held(actions), most_left)


def _ends(block: BlockFacts) -> int:
    """Bytes of a sample that it takes and gives."""
    return block.inputs.num_bytes + block.outputs.num_bytes
