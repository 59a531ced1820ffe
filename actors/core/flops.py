"""Counts the floating-point operations of a stage.

By formula rather than by ``torch.utils.flop_counter``, whose first use imports the compiler and
costs each LayerActor two seconds of its start; a test holds the formula against that counter.
"""

from __future__ import annotations

from dataclasses import dataclass

from actors.core.schedules import Kind
from actors.core.specs import StageSpec

FLOPS_PER_TFLOP = 1e12


@dataclass(frozen=True)
class StageFlops:
    """Operations of one microbatch's forward pass and of either half of its backward pass."""

    forward: int
    input_grad: int
    weight_grad: int

    @property
    def backward(self) -> int:
        """Operations of both halves."""
        return self.input_grad + self.weight_grad

    def of(self, kind: Kind) -> int:
        """Operations of an action of this kind."""
        if kind is Kind.FORWARD:
            return self.forward
        if kind is Kind.BACKWARD:
            return self.backward
        return self.input_grad if kind is Kind.INPUT_GRAD else self.weight_grad


def count_stage_flops(spec: StageSpec, rows: int) -> StageFlops:
    """The matrix products of the stage's linear layers for ``rows`` samples.

    A product of [n, k] and [k, m] counts 2·n·k·m; element-wise work is not counted. Backward, a
    layer computes two such products, the gradients of its weights and of its inputs; the
    network's first layer leaves out the latter.
    """
    sizes = spec.network.layer_sizes
    layers = [2 * rows * sizes[i] * sizes[i + 1] for i in range(spec.start, spec.end)]
    forward = sum(layers)
    images_gradient = layers[0] if spec.is_first else 0
    return StageFlops(forward, forward - images_gradient, forward)


def tflops(flops: int, seconds: float) -> float:
    """``flops / seconds / 1e12``; 0 when no time was measured."""
    return flops / seconds / FLOPS_PER_TFLOP if seconds > 0 else 0.0
