"""A stage's tensors as a safetensors file, without a copy on the way out.

``safetensors.torch.save`` copies everything, twice, while it holds Python's lock; the format is
simple enough to hand the tensors' own memory to the disk. A test holds the two against each other
byte by byte.
"""

from __future__ import annotations

import json

import safetensors.torch
import torch

from actors.core.snapshots import StageSnapshot, Tensors

OPTIMIZER_PREFIX = "optimizer."
_HEADER_ALIGNMENT = 8


def encode_stage(stage: StageSnapshot) -> list[memoryview]:
    """The file's content in parts, which follow one another.

    Weights have the parameters' names, what the optimiser keeps ``optimizer.<kind>.<name>``. The
    parts are views of the snapshot's memory, which must not change while they are in use.
    """
    optimizer = {OPTIMIZER_PREFIX + name: tensor for name, tensor in stage.optimizer.items()}
    return _encode({**stage.weights, **optimizer})


def _encode(tensors: Tensors) -> list[memoryview]:
    """8 bytes, the header's length; the header, JSON, padded with spaces; the tensors."""
    header, parts, offset = {}, [], 0
    for name, tensor in sorted(tensors.items()):
        assert tensor.dtype == torch.float32 and tensor.device.type == "cpu", name
        part = tensor.detach().contiguous().view(-1).view(torch.uint8).numpy().data
        end = offset + part.nbytes
        header[name] = {"dtype": "F32", "shape": [*tensor.shape], "data_offsets": [offset, end]}
        parts.append(part)
        offset = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _HEADER_ALIGNMENT)
    return [memoryview(len(text).to_bytes(8, "little") + text), *parts]


def decode_stage(data: bytes) -> tuple[Tensors, Tensors]:
    """Weights and optimiser state, each tensor in memory of its own, aligned as torch does it."""
    weights, optimizer = {}, {}
    views = safetensors.torch.load(data)
    while views:
        name, view = views.popitem()
        tensor = view.clone()
        if name.startswith(OPTIMIZER_PREFIX):
            optimizer[name.removeprefix(OPTIMIZER_PREFIX)] = tensor
        else:
            weights[name] = tensor
    return weights, optimizer
