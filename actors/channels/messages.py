"""A channel's message: a header with the tensor's dtype and shape, then its values in order, in the
precision of the session's ``wire``.

A message is plain bytes because Ray moves those without pickling. A round trip of 8 KB through
shared memory takes a tenth of the time of a pickled array of that size (``docs/data_plane.md``).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from actors.core.model.model_spec import TensorSpec
from actors.core.progress.snapshots import Mark
from actors.core.recipe.precision import FP32
from actors.core.recipe.wire_format import (
    WIRE_FORMATS,
    WIRES,
    Packed,
    WireFormat,
    sample_bytes,
)

_HEADER = struct.Struct("<qqqqdqqqq")
_MAX_DIMS = 8
HEADER_BYTES = _HEADER.size + 8 * _MAX_DIMS
"""The largest header, for a tensor of any shape."""
_DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.int64, torch.uint8, torch.bool)
_END_OF_SESSION = -1
_UNDER_WAY = -1.0
_HERE, _BESIDE = 0, 1
"""Where the body is: behind the header, or sent separately from device to device."""
INLINE_BYTES = 8 * 2**20
"""Ray sends results of actor calls up to this size inside its own reply. Larger ones go through two
object stores, which takes ten milliseconds."""

Parts = Sequence[bytes | memoryview]
"""A message's bytes, part after part. They are not joined, so that a transport copies them once."""

Buffer = Callable[[tuple[int, ...], torch.dtype], torch.Tensor]
"""Gives memory for a tensor."""

FromDevice = Callable[[tuple[int, ...], torch.dtype, WireFormat], torch.Tensor]
"""Returns the tensor whose body came from device to device."""


@dataclass(frozen=True)
class Header:
    """Identifies a message; ``mark`` says what the step ends with.

    ``copied_s`` is the longest time that the sender, or a stage behind it, took to copy the last
    snapshot; None while a copy is under way.
    """

    generation: int
    step: int
    microbatch: int
    mark: Mark = Mark.NONE
    copied_s: float | None = None


@dataclass(frozen=True)
class Message:
    """A header and its tensor, ``[rows, …]``; None ends the session. ``num_bytes`` is what
    travelled."""

    header: Header
    tensor: torch.Tensor | None
    num_bytes: int


def message_bytes(rows: int, sample: TensorSpec, wire: str = FP32) -> int:
    """The most bytes of a message of ``rows`` samples in that precision."""
    return HEADER_BYTES + rows * sample_bytes(sample, wire)


def encode(
    generation: int,
    step: int,
    microbatch: int,
    packed: Packed | None,
    mark: Mark = Mark.NONE,
    copied_s: float | None = None,
    is_beside: bool = False,
) -> Parts:
    """The bytes of a message, which may share ``packed``'s memory; None ends the session.
    ``is_beside``: only the header, because the body is sent separately from its device."""
    told = (generation, step, microbatch, mark, _UNDER_WAY if copied_s is None else copied_s)
    if packed is None:
        return (_HEADER.pack(*told, 0, 0, _HERE, _END_OF_SESSION),)
    wire, dtype = WIRES.index(packed.wire), _DTYPES.index(packed.dtype)
    dims, place = len(packed.shape), _BESIDE if is_beside else _HERE
    header = _HEADER.pack(*told, wire, dtype, place, dims)
    shape = struct.pack(f"<{dims}q", *packed.shape)
    return header, shape, *map(_memory_of, () if is_beside else packed.parts)


def host_memory(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """Allocates ordinary host memory."""
    return torch.empty(shape, dtype=dtype)


def _no_device(shape: tuple[int, ...], dtype: torch.dtype, wire: WireFormat) -> torch.Tensor:
    raise AssertionError("this channel has no way from device to device")


def decode(
    data: bytes | memoryview, buffer: Buffer = host_memory, from_device: FromDevice = _no_device
) -> Message:
    """Copies a message out of ``encode``'s form into memory from ``buffer(shape, dtype)``. Ignores
    any bytes behind the message.

    The copy is deliberate: torch's allocator aligns it to 64 bytes, and matrix products give the
    same bits only for the same alignment.
    """
    generation, step, microbatch, mark, copied_s, *rest = _HEADER.unpack_from(data)
    wire, dtype, place, dims = rest
    copied = None if copied_s == _UNDER_WAY else copied_s
    header = Header(generation, step, microbatch, Mark(mark), copied)
    if dims == _END_OF_SESSION:
        return Message(header, None, _HEADER.size)
    shape, begin = struct.unpack_from(f"<{dims}q", data, _HEADER.size), _HEADER.size + 8 * dims
    wire_format = WIRE_FORMATS[WIRES[wire]]
    if place == _BESIDE:
        tensor = from_device(shape, _DTYPES[dtype], wire_format)
        return Message(header, tensor, begin + _body_bytes(tensor, wire_format))
    tensor = buffer(shape, _DTYPES[dtype])
    parts = wire_format.room(tensor)
    for part in map(_memory_of, parts):
        part[:] = memoryview(data)[begin : begin + len(part)]
        begin += len(part)
    wire_format.unpack(parts, tensor)
    return Message(header, tensor, begin)


def _body_bytes(tensor: torch.Tensor, wire_format: WireFormat) -> int:
    if not wire_format.rounds(tensor.dtype):
        return tensor.nbytes
    return len(tensor) * wire_format.sample_bytes(TensorSpec.of(tensor))


def _memory_of(tensor: torch.Tensor) -> memoryview:
    """The bytes of a contiguous tensor, without a copy."""
    memory: memoryview = tensor.view(-1).view(torch.uint8).numpy().data
    return memory
