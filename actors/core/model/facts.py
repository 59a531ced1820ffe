"""The facts of each block, from a forward and a backward pass of a few samples.

Planner, memory, channels and TFLOPs read this table and nothing else about a model.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from actors.core.model.blocks import block_layers
from actors.core.model.model_spec import LayerSpec, ModelSpec, TensorSpec
from actors.core.model.trial import trial_batch, trial_layers
from actors.core.stages.split_backward import LayerNotes, input_grad

FEW_ROWS, MORE_ROWS = 2, 4


@dataclass(frozen=True)
class PerRow:
    """A figure of a microbatch: a part that is always there, and one for each sample."""

    fixed: int = 0
    row: int = 0

    def of(self, rows: int) -> int:
        """For this number of samples."""
        return self.fixed + rows * self.row

    def __add__(self, other: PerRow) -> PerRow:
        return PerRow(self.fixed + other.fixed, self.row + other.row)


@dataclass(frozen=True)
class BlockFacts:
    """A block's inputs and outputs for a sample, and its costs.

    ``parameter_bytes`` counts trained parameters, ``buffer_bytes`` the rest of its state. ``saved``
    are the bytes that autograd keeps for the backward pass, without parameters and without the
    block's own inputs and outputs. ``left`` are the bytes of gradients that wait for the second
    half of a split backward pass. ``largest`` is the largest tensor that a forward pass makes.
    FLOPs count matrix products and convolutions, but not element-wise work. The first block has no
    ``input_grad`` for its own inputs, but has one for layers inside it.
    """

    inputs: TensorSpec
    outputs: TensorSpec
    num_parameters: int
    parameter_bytes: int
    buffer_bytes: int
    saved: PerRow
    left: PerRow
    largest: PerRow
    forward: PerRow
    input_grad: PerRow
    weight_grad: PerRow


@dataclass(frozen=True)
class BlockKey:
    """Two blocks are alike if they have the same layers and inputs, and the same need of a
    gradient."""

    layers: tuple[LayerSpec, ...]
    inputs: TensorSpec
    needs_input_grad: bool


@functools.lru_cache(maxsize=64)
def model_facts(model: ModelSpec) -> tuple[BlockFacts, ...]:
    """One for each block, in order; alike blocks are examined once."""
    return tuple(_block_facts(key) for key in block_keys(model))


@functools.lru_cache(maxsize=64)
def min_rows(model: ModelSpec) -> int:
    """The fewest rows of a microbatch with which the model can be trained: batch norm may need
    two."""
    return max(map(_min_rows, block_keys(model)))


@functools.lru_cache(maxsize=1024)
def _min_rows(key: BlockKey) -> int:
    try:
        with torch.no_grad():
            trial_layers(key.layers)(trial_batch(key.inputs, 1))
    except ValueError:
        return 2
    return 1


@functools.lru_cache(maxsize=64)
def block_keys(model: ModelSpec) -> tuple[BlockKey, ...]:
    """One a block, in order."""
    keys, inputs = [], model.inputs
    for index, layers in enumerate(block_layers(model)):
        own = model.layers[layers.start : layers.stop]
        needs_grad = index > 0 and inputs.dtype == "float32"
        keys.append(BlockKey(own, inputs, needs_grad))
        inputs = _outputs(own, inputs)
    return tuple(keys)


@functools.lru_cache(maxsize=1024)
def _outputs(layers: tuple[LayerSpec, ...], inputs: TensorSpec) -> TensorSpec:
    with torch.no_grad():
        made = trial_layers(layers)
        return TensorSpec.of(made(trial_batch(inputs, FEW_ROWS)))


@functools.lru_cache(maxsize=1024)
def _block_facts(key: BlockKey) -> BlockFacts:
    block = trial_layers(key.layers)
    few, more = (_look(block, key, rows) for rows in (FEW_ROWS, MORE_ROWS))

    def per_row(figure: Callable[[_Look], int]) -> PerRow:
        row = (figure(more) - figure(few)) // (MORE_ROWS - FEW_ROWS)
        return PerRow(figure(few) - FEW_ROWS * row, row)

    parameters = list(block.parameters())
    return BlockFacts(
        key.inputs,
        few.outputs,
        sum(p.numel() for p in parameters),
        sum(p.nbytes for p in parameters),
        sum(b.nbytes for b in block.buffers()),
        per_row(lambda look: look.saved),
        per_row(lambda look: look.left),
        per_row(lambda look: look.largest),
        per_row(lambda look: look.forward),
        per_row(lambda look: look.input_grad),
        per_row(lambda look: look.weight_grad),
    )


@dataclass(frozen=True)
class _Look:
    """A block with this number of rows."""

    outputs: TensorSpec
    saved: int
    left: int
    largest: int
    forward: int
    input_grad: int
    weight_grad: int


def _look(block: nn.Sequential, key: BlockKey, rows: int) -> _Look:
    inputs = trial_batch(key.inputs, rows)
    if inputs.is_floating_point():
        inputs.requires_grad_(key.needs_input_grad)
    saved = _SavedBytes([inputs, *block.parameters()])
    notes = LayerNotes(block)
    with _Flops() as forward, torch.autograd.graph.saved_tensors_hooks(saved.add, _kept):
        outputs, noted = notes.forward(inputs)
    saved_bytes = saved.total_but(outputs)
    with _Flops() as by_inputs:
        half = input_grad(inputs, outputs, noted, torch.empty_like(outputs))
    notes.close()
    with _Flops() as by_weights:
        for left in half.left:
            left.add()
    spec = TensorSpec.of(outputs)
    left_bytes = sum(left.output_grad.nbytes for left in half.left)
    return _Look(
        spec,
        saved_bytes,
        left_bytes,
        forward.largest,
        forward.total,
        by_inputs.total,
        by_weights.total,
    )


class _Flops(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts by the formulas of ``torch.utils.flop_counter``; notes the largest tensor's bytes."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0
        self.largest = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        is_new = not any(returned.alias_info for returned in func._schema.returns)
        if isinstance(out, torch.Tensor) and is_new:
            self.largest = max(self.largest, out.nbytes)
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.total += int(formula(*args, **(kwargs or {}), out_val=out))
        return out


class _SavedBytes:
    """The bytes that autograd saves; each memory counts once."""

    def __init__(self, left_out: Sequence[torch.Tensor]) -> None:
        self._left_out = {_memory(tensor) for tensor in left_out}
        self._kept: list[torch.Tensor] = []

    def add(self, tensor: torch.Tensor) -> torch.Tensor:
        """A hook for autograd."""
        self._kept.append(tensor)
        return tensor

    def total_but(self, outputs: torch.Tensor) -> int:
        """The bytes without those of a tensor such as ``outputs``, which its holder counts."""
        sizes = {_memory(t): t.untyped_storage().nbytes() for t in self._kept}
        left_out = {*self._left_out, _memory(outputs)}
        return sum(size for memory, size in sizes.items() if memory not in left_out)


def _memory(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _kept(tensor: torch.Tensor) -> torch.Tensor:
    return tensor
