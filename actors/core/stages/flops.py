"""Counts the floating-point operations of a stage, from the facts of its blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from actors.core.model.facts import BlockFacts
from actors.core.schedule.schedules import ActionKind

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

    def of(self, kind: ActionKind) -> int:
        """Operations of an action of this kind."""
        if kind is ActionKind.FORWARD:
            return self.forward
        if kind is ActionKind.BACKWARD:
            return self.backward
        return self.input_grad if kind is ActionKind.INPUT_GRAD else self.weight_grad


def count_stage_flops(facts: Sequence[BlockFacts], rows: int) -> StageFlops:
    """The matrix products and convolutions of a stage's blocks for ``rows`` samples.

    A product of [n, k] and [k, m] counts 2·n·k·m; element-wise work is not counted. The model's
    first block needs no gradient by its inputs.
    """
    return StageFlops(
        sum(block.forward.of(rows) for block in facts),
        sum(block.input_grad.of(rows) for block in facts),
        sum(block.weight_grad.of(rows) for block in facts),
    )


def tflops(flops: int, seconds: float) -> float:
    """``flops / seconds / 1e12``; 0 when no time was measured."""
    return flops / seconds / FLOPS_PER_TFLOP if seconds > 0 else 0.0
