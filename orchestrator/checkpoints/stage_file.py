"""A stage's tensors as a safetensors file, without a copy on the way out."""

from __future__ import annotations

import safetensors.torch

from actors.core.progress.snapshots import StageSnapshot, Tensors
from orchestrator.models.trained_model import safetensors_file

OPTIMIZER_PREFIX = "optimizer."


def encode_stage(stage: StageSnapshot) -> list[memoryview]:
    """The file's content in parts, which follow one another.

    Weights have the parameters' names, what the optimiser keeps ``optimizer.<kind>.<name>``. The
    parts are views of the snapshot's memory, which must not change while they are in use.
    """
    optimizer = {OPTIMIZER_PREFIX + name: tensor for name, tensor in stage.optimizer.items()}
    tensors = {**stage.weights, **optimizer}
    return safetensors_file({name: tensor.detach().numpy() for name, tensor in tensors.items()})


def decode_stage(data: bytes) -> tuple[Tensors, Tensors]:
    """Weights and optimiser state, each tensor in memory of its own, aligned as torch aligns it."""
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
