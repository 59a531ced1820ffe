"""The message of a channel: a header with the tensor's dtype and shape, then its values in order.

Plain bytes, because Ray moves them without pickling: a round trip of 8 KB through shared memory
takes a tenth of what a pickled array of the same size takes (``docs/data_plane.md``).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

import torch

from actors.core.model.model_spec import TensorSpec
from actors.core.snapshots import Mark

_HEADER = struct.Struct("<qqqqdqq")
_MAX_DIMS = 8
HEADER_BYTES = _HEADER.size + 8 * _MAX_DIMS
"""Room for the header of a tensor of any shape."""
_DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.int64, torch.uint8, torch.bool)
_END_OF_SESSION = -1
_UNDER_WAY = -1.0
INLINE_BYTES = 8 * 2**20
"""Ray takes results of actor calls up to that size along with its own words, larger ones by way of
two object stores, which takes ten milliseconds."""

Buffer = Callable[[tuple[int, ...], torch.dtype], torch.Tensor]
"""Gives memory for a tensor."""


@dataclass(frozen=True)
class Header:
    """Which message this is; ``mark`` says what the step ends with.

    ``copied_s`` is what the slowest copy of the last snapshot has taken, of the sender and of the
    stages behind it; None while one is under way.
    """

    generation: int
    step: int
    microbatch: int
    mark: Mark = Mark.NONE
    copied_s: float | None = None


@dataclass(frozen=True)
class Message:
    """A header and its tensor, ``[rows, …]``; None ends the session."""

    header: Header
    tensor: torch.Tensor | None


def message_bytes(rows: int, sample: TensorSpec) -> int:
    """Room for a message of ``rows`` samples."""
    return HEADER_BYTES + rows * sample.num_bytes


def encode(
    generation: int,
    step: int,
    microbatch: int,
    tensor: torch.Tensor | None,
    mark: Mark = Mark.NONE,
    copied_s: float | None = None,
) -> bytes:
    """The wire form; ``tensor`` is on the CPU and not empty."""
    told = (generation, step, microbatch, mark, _UNDER_WAY if copied_s is None else copied_s)
    if tensor is None:
        return _HEADER.pack(*told, 0, _END_OF_SESSION)
    dims, dtype = tensor.ndim, _DTYPES.index(tensor.dtype)
    header = _HEADER.pack(*told, dtype, dims)
    shape = struct.pack(f"<{dims}q", *tensor.shape)
    return b"".join((header, shape, _memory_of(tensor.contiguous())))


def host_memory(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """Ordinary memory of the host."""
    return torch.empty(shape, dtype=dtype)


def decode(data: bytes | memoryview, buffer: Buffer = host_memory) -> Message:
    """Reads ``encode``'s form into memory of its own, which ``buffer(shape, dtype)`` gives.

    The copy is deliberate: torch's allocator aligns it to 64 bytes, and matrix products are only
    promised to give the same bits for the same alignment.
    """
    generation, step, microbatch, mark, copied_s, dtype, dims = _HEADER.unpack_from(data)
    copied = None if copied_s == _UNDER_WAY else copied_s
    header = Header(generation, step, microbatch, Mark(mark), copied)
    if dims == _END_OF_SESSION:
        return Message(header, None)
    shape = struct.unpack_from(f"<{dims}q", data, _HEADER.size)
    tensor = buffer(shape, _DTYPES[dtype])
    _memory_of(tensor)[:] = memoryview(data)[_HEADER.size + 8 * dims :]
    return Message(header, tensor)


def _memory_of(tensor: torch.Tensor) -> memoryview:
    """Of a contiguous tensor, as bytes."""
    memory: memoryview = tensor.view(-1).view(torch.uint8).numpy().data
    return memory
