"""Counts the floating-point operations of a stage; nothing here runs on the hot path."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from actors.core.layers import build_layers
from actors.core.specs import StageSpec

FLOPS_PER_TFLOP = 1e12


@dataclass(frozen=True)
class StageFlops:
    """Operations of one microbatch's forward and backward pass."""

    forward: int
    backward: int


def count_stage_flops(spec: StageSpec, rows: int) -> StageFlops:
    """Counts what PyTorch really runs for ``rows`` samples, on shapes alone (meta tensors).

    A matrix product of [n, k] and [k, m] counts 2·n·k·m; element-wise work is not counted. The
    first stage computes no gradient of its inputs, so its backward pass is cheaper by that much.
    """
    with torch.device("meta"):
        layers = build_layers_on_meta(spec)
        inputs = torch.empty(rows, spec.num_inputs, requires_grad=not spec.is_first)
        with FlopCounterMode(display=False) as forward:
            outputs = layers(inputs)
        with FlopCounterMode(display=False) as backward:
            outputs.backward(torch.empty_like(outputs))
    return StageFlops(forward.get_total_flops(), backward.get_total_flops())


def build_layers_on_meta(spec: StageSpec) -> torch.nn.Module:
    """The stage's layers without memory or weights."""
    return build_layers(spec.network, spec.start, spec.end).to("meta")


def tflops(flops: int, seconds: float) -> float:
    """``flops / seconds / 1e12``; 0 when no time was measured."""
    return flops / seconds / FLOPS_PER_TFLOP if seconds > 0 else 0.0
