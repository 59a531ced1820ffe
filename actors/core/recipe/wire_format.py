"""The precision in which activations and gradients travel: packs a tensor before sending, and
unpacks it after receiving.

A format rounds only floating-point numbers; other tensors stay as they are. It rounds each sample
by itself, so that the result does not depend on the other samples of its microbatch.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from actors.core.model.model_spec import DTYPES, TensorSpec
from actors.core.recipe.precision import BF16, FP32

INT8 = "int8"
FEWEST_A_SCALE = 32
"""Numbers that share a scale, if a sample has that many: a scale itself takes four bytes."""
LARGEST = 127
SMALLEST_SCALE = torch.finfo(torch.float32).tiny
"""Below it float32 has fewer digits, and an inverse may be infinite."""
SCALE_BYTES = 4

Move = Callable[[torch.Tensor], torch.Tensor]
"""Brings a tensor elsewhere, such as from a device to the host."""


@dataclass(frozen=True)
class Packed:
    """A tensor as it travels; ``dtype`` is what it becomes again, ``parts`` are contiguous."""

    wire: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    parts: tuple[torch.Tensor, ...]


class WireFormat(ABC):
    """How floating-point numbers travel."""

    loss: str | None = None
    """What it does to the numbers, for people; None if they stay as they are."""

    @abstractmethod
    def rounds(self, dtype: torch.dtype) -> bool:
        """Whether tensors of that type are not sent as they are."""

    @abstractmethod
    def sample_bytes(self, sample: TensorSpec) -> int:
        """The bytes that travel for a sample of a type that it rounds."""

    @abstractmethod
    def pack(self, tensor: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The tensors that travel, on the tensor's own device."""

    @abstractmethod
    def room(self, into: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Memory for what travels of a tensor like ``into``, where that is."""

    @abstractmethod
    def unpack(self, parts: tuple[torch.Tensor, ...], into: torch.Tensor) -> None:
        """The tensor again."""


class Exact(WireFormat):
    """Every number as it is."""

    def rounds(self, dtype: torch.dtype) -> bool:
        return False

    def sample_bytes(self, sample: TensorSpec) -> int:
        return sample.num_bytes

    def pack(self, tensor: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (tensor,)

    def room(self, into: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (into,)

    def unpack(self, parts: tuple[torch.Tensor, ...], into: torch.Tensor) -> None:
        """It is there."""


class Bfloat16(WireFormat):
    """bfloat16, to the nearest, ties to even: NaN and infinities stay what they are."""

    loss = "rounded to bfloat16 (8 bits of each number's digits)"

    def rounds(self, dtype: torch.dtype) -> bool:
        return dtype is torch.float32

    def sample_bytes(self, sample: TensorSpec) -> int:
        return sample.num_bytes // 2

    def pack(self, tensor: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (tensor.to(torch.bfloat16),)

    def room(self, into: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (torch.empty_like(into, dtype=torch.bfloat16),)

    def unpack(self, parts: tuple[torch.Tensor, ...], into: torch.Tensor) -> None:
        into.copy_(parts[0])


class Int8(WireFormat):
    """Whole numbers from -127 to 127, to the nearest, times a float32 scale for each row.

    A row is the last dimension, with those before it within the sample until it has
    ``FEWEST_A_SCALE`` numbers. Its scale is its largest number over 127, so that no number is off
    by more than half a scale. A row with a NaN or an infinity becomes NaN.
    """

    loss = "rounded to 8 bits (a scale for each row of numbers)"

    def rounds(self, dtype: torch.dtype) -> bool:
        return dtype.is_floating_point and dtype.itemsize <= SCALE_BYTES

    def sample_bytes(self, sample: TensorSpec) -> int:
        numbers = math.prod(sample.shape)
        return numbers + SCALE_BYTES * (numbers // row_length(sample.shape))

    def pack(self, tensor: torch.Tensor) -> tuple[torch.Tensor, ...]:
        rows = tensor.reshape(-1, row_length(tensor.shape[1:])).float()
        largest = torch.maximum(rows.amax(1), rows.amin(1).neg_())
        scale = (largest / LARGEST).clamp_(min=SMALLEST_SCALE)
        scale.masked_fill_(scale.isinf(), math.nan)
        values = (rows * scale.reciprocal().unsqueeze(1)).round_()
        return scale, values.to(torch.int8)

    def room(self, into: torch.Tensor) -> tuple[torch.Tensor, ...]:
        length = row_length(into.shape[1:])
        num_rows = into.numel() // length
        scale = torch.empty(num_rows, device=into.device)
        return scale, torch.empty(num_rows, length, dtype=torch.int8, device=into.device)

    def unpack(self, parts: tuple[torch.Tensor, ...], into: torch.Tensor) -> None:
        scale, values = parts
        rows = into.view(values.shape)
        if into.dtype is torch.float32:
            rows.copy_(values).mul_(scale.unsqueeze(1))
        else:
            rows.copy_(values * scale.unsqueeze(1))


WIRE_FORMATS: Mapping[str, WireFormat] = {
    FP32: Exact(),
    BF16: Bfloat16(),
    INT8: Int8(),
}
WIRES = tuple(WIRE_FORMATS)


def row_length(sample: tuple[int, ...]) -> int:
    """How many of a sample's numbers share a scale; at least 1."""
    length = 1
    for size in reversed(sample):
        if length >= FEWEST_A_SCALE:
            break
        length *= size
    return max(1, length)


def wire_of(wire: str, tensor: torch.Tensor) -> str:
    """Which of ``WIRES`` the tensor really uses."""
    rounds = tensor.numel() > 0 and WIRE_FORMATS[wire].rounds(tensor.dtype)
    return wire if rounds else FP32


def as_it_is(part: torch.Tensor) -> torch.Tensor:
    """Leaves it where it is."""
    return part


def pack(tensor: torch.Tensor, wire: str = FP32, give: Move = as_it_is) -> Packed:
    """``[rows, …]`` as it travels; ``give`` brings what is left of it to where it is sent from."""
    own = wire_of(wire, tensor)
    parts = tuple(give(part).contiguous() for part in WIRE_FORMATS[own].pack(tensor))
    dtype = parts[0].dtype if own == FP32 else tensor.dtype
    return Packed(own, tuple(tensor.shape), dtype, parts)


def sample_bytes(sample: TensorSpec, wire: str) -> int:
    """The bytes that travel for one sample."""
    found = WIRE_FORMATS[wire]
    own = found if found.rounds(DTYPES[sample.dtype]) else WIRE_FORMATS[FP32]
    return own.sample_bytes(sample)
