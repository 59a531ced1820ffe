"""The message of a channel: a fixed header, then the tensor's float32 values in row order.

Plain bytes, because Ray moves them without pickling: a round trip of 8 KB through shared memory
takes a tenth of what a pickled array of the same size takes (``docs/data_plane.md``).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

import torch

from actors.core.snapshots import Mark

_HEADER = struct.Struct("<qqqqq")
HEADER_BYTES = _HEADER.size
FLOAT32_BYTES = 4
_END_OF_SESSION = -1
INLINE_BYTES = 8 * 2**20
"""Ray takes results of actor calls up to that size along with its own words, larger ones by way of
two object stores, which takes ten milliseconds."""


@dataclass(frozen=True)
class Header:
    """Which message this is. ``rows`` is -1 for the one that ends a session; ``mark`` says what
    the step ends with."""

    generation: int
    step: int
    microbatch: int
    rows: int
    mark: Mark = Mark.NONE


@dataclass(frozen=True)
class Message:
    """A header and its tensor, float32 ``[rows, features]``; None ends the session."""

    header: Header
    tensor: torch.Tensor | None


def message_bytes(rows: int, features: int) -> int:
    """Size of a message of ``rows`` samples."""
    return HEADER_BYTES + rows * features * FLOAT32_BYTES


def encode(
    generation: int,
    step: int,
    microbatch: int,
    tensor: torch.Tensor | None,
    mark: Mark = Mark.NONE,
) -> bytes:
    """The wire form; ``tensor`` is float32 ``[rows, features]`` on the CPU."""
    if tensor is None:
        return _HEADER.pack(generation, step, microbatch, _END_OF_SESSION, mark)
    header = _HEADER.pack(generation, step, microbatch, tensor.shape[0], mark)
    return b"".join((header, tensor.contiguous().numpy().data.cast("B")))


def decode(
    data: bytes | memoryview, buffer: Callable[[int, int], torch.Tensor] = torch.empty
) -> Message:
    """Reads ``encode``'s form into memory of its own, which ``buffer(rows, features)`` gives.

    The copy is deliberate: torch's allocator aligns it to 64 bytes, and matrix products are only
    promised to give the same bits for the same alignment.
    """
    generation, step, microbatch, rows, mark = _HEADER.unpack_from(data)
    header = Header(generation, step, microbatch, rows, Mark(mark))
    if header.rows == _END_OF_SESSION:
        return Message(header, None)
    features = (len(data) - HEADER_BYTES) // (FLOAT32_BYTES * header.rows)
    tensor = buffer(header.rows, features)
    tensor.numpy().data.cast("B")[:] = memoryview(data)[HEADER_BYTES:]
    return Message(header, tensor)
