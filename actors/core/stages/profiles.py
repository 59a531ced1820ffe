"""Measurements of a device and of a link: plain figures that travel and are kept."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass, replace
from typing import TypeVar

from actors.core.model.facts import BlockFacts, block_keys, model_facts
from actors.core.model.model_spec import ModelSpec

OPERATIONS_A_BYTE = 4
"""How many operations a byte read or written counts as, in a block without products."""


@dataclass(frozen=True)
class BlockWork:
    """Two blocks with the same ``key`` take the same time. The time of a block that was not
    measured is derived from another's by operations for a sample and bytes of parameters.
    ``needs_input_grad`` is False for a model's first block."""

    key: str
    per_row: int
    parameter_bytes: int
    needs_input_grad: bool


@functools.lru_cache(maxsize=64)
def block_works(model: ModelSpec) -> tuple[BlockWork, ...]:
    """One a block, in order. The last one computes the loss as well."""
    keys, facts = block_keys(model), model_facts(model)
    return tuple(
        _work(repr((key, i == len(keys) - 1)), fact, key.needs_input_grad)
        for i, (key, fact) in enumerate(zip(keys, facts, strict=True))
    )


def _work(text: str, facts: BlockFacts, needs_input_grad: bool) -> BlockWork:
    key = hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
    operations = facts.forward.of(1) + facts.input_grad.of(1) + facts.weight_grad.of(1)
    moved = facts.saved.of(1) + facts.inputs.num_bytes + facts.outputs.num_bytes
    work = operations or OPERATIONS_A_BYTE * moved
    return BlockWork(key, work, facts.parameter_bytes, needs_input_grad)


@dataclass(frozen=True)
class BlockTimes:
    """Seconds of one block for one microbatch; ``backward_s`` is both gradients at once."""

    forward_s: float
    backward_s: float
    input_grad_s: float
    weight_grad_s: float


@dataclass(frozen=True)
class BlockPoint:
    """A block's times for a microbatch of ``rows`` samples."""

    rows: int
    times: BlockTimes


@dataclass(frozen=True)
class BlockProfile:
    """A block as measured, its points by rising rows, and the seconds of one update of it."""

    work: BlockWork
    points: tuple[BlockPoint, ...]
    update_s: float


@dataclass(frozen=True)
class StageOverhead:
    """Seconds that a stage takes besides its blocks' own: for a forward pass, for a backward pass
    (and for each half of a split one), for an update."""

    forward_s: float = 0.0
    backward_s: float = 0.0
    update_s: float = 0.0


Times = TypeVar("Times", BlockTimes, StageOverhead)


@dataclass(frozen=True)
class ComputeProfile:
    """How fast a device computes with this number of threads.

    ``load_s`` and ``load_per_row_s`` are for gathering and normalising samples in the first stage.
    """

    threads: int
    matmul_flops_per_s: float
    overhead: StageOverhead
    blocks: tuple[BlockProfile, ...]
    load_s: float = 0.0
    load_per_row_s: float = 0.0


def stretched(profile: ComputeProfile, factor: float) -> ComputeProfile:
    """The same device if everything takes ``factor`` times as long; its best rate stays."""

    def all_of(times: Times) -> Times:
        return type(times)(*(factor * seconds for seconds in vars(times).values()))

    blocks = tuple(
        BlockProfile(
            block.work,
            tuple(BlockPoint(point.rows, all_of(point.times)) for point in block.points),
            factor * block.update_s,
        )
        for block in profile.blocks
    )
    return replace(
        profile,
        overhead=all_of(profile.overhead),
        blocks=blocks,
        load_s=factor * profile.load_s,
        load_per_row_s=factor * profile.load_per_row_s,
    )


@dataclass(frozen=True)
class DeviceProfile:
    """A device: what it has, and how it computes.

    ``own`` is with the threads that a stage has there, measured while the job's other devices
    were busy, too; ``all_cores`` is with all of them, alone on its host. None: not measured.
    """

    cores: int
    memory_bytes: int | None
    accelerator: str | None
    own: ComputeProfile
    all_cores: ComputeProfile | None = None


@dataclass(frozen=True)
class LinkProfile:
    """How long a message is on its way from one device to the next, and how long sending keeps the
    sender from computing: each has a fixed part and a part for each byte."""

    kind: str
    latency_s: float
    bytes_per_s: float
    send_s: float = 0.0
    send_per_byte_s: float = 0.0

    def delivery_s(self, num_bytes: float) -> float:
        """From the sender's call until the receiver has it."""
        return self.latency_s + num_bytes / self.bytes_per_s

    def carrying_s(self, num_bytes: float) -> float:
        """How long the message keeps the next one waiting, without the sender's part."""
        return max(0.0, num_bytes / self.bytes_per_s - num_bytes * self.send_per_byte_s)

    def sending_s(self, num_bytes: float) -> float:
        """The sender's part of that."""
        return min(self.delivery_s(num_bytes), self.send_s + num_bytes * self.send_per_byte_s)

    def taking_s(self, num_bytes: float) -> float:
        """The receiver's: as much work, as far as it is left."""
        sending_s = self.sending_s(num_bytes)
        return min(sending_s, self.delivery_s(num_bytes) - sending_s)
