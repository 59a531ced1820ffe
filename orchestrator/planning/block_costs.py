"""How long each block of a model takes on a device, from measurements there."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from actors.core.model.facts import BlockFacts
from actors.core.model.model_spec import ModelSpec
from actors.core.stages.profiles import (
    BlockProfile,
    BlockTimes,
    BlockWork,
    ComputeProfile,
    StageOverhead,
    block_works,
)

Floats = npt.NDArray[np.float64]
"""Seconds, one entry a block."""


@dataclass(frozen=True)
class BlockCosts:
    """Every block of a model on one device, for a microbatch; a stage's overhead comes on top.

    ``load_s`` is added where the stage has the model's first block.
    """

    forward_s: Floats
    backward_s: Floats
    input_grad_s: Floats
    weight_grad_s: Floats
    update_s: Floats
    overhead: StageOverhead
    load_s: float


@dataclass(frozen=True)
class StageTimes:
    """The time of some blocks as one stage; everything except the update is for one microbatch."""

    forward_s: float
    backward_s: float
    input_grad_s: float
    weight_grad_s: float
    update_s: float


def block_costs(compute: ComputeProfile, model: ModelSpec, rows: int) -> BlockCosts:
    """``rows`` are the samples of a microbatch.

    Between two measured numbers of rows the time is taken for linear, and beyond the last for a
    continuation of that line. A block that was not measured is taken for the measured one with the
    most similar work, stretched by the ratio of the two.
    """
    works = block_works(model)
    known: dict[str, tuple[BlockTimes, float]] = {}
    for work in works:
        if work.key not in known:
            known[work.key] = _estimate(compute, work, rows)
    times = [known[work.key] for work in works]

    def column(value: Callable[[BlockTimes], float]) -> Floats:
        return np.array([value(t) for t, _ in times])

    return BlockCosts(
        column(lambda t: t.forward_s),
        column(lambda t: t.backward_s),
        column(lambda t: t.input_grad_s),
        column(lambda t: t.weight_grad_s),
        np.array([update_s for _, update_s in times]),
        compute.overhead,
        compute.load_s + compute.load_per_row_s * rows,
    )


def without_frozen(costs: BlockCosts, facts: Sequence[BlockFacts]) -> BlockCosts:
    """Without the seconds of gradients and updates that frozen blocks do not need."""
    trained = np.array([block.parameter_bytes > 0 for block in facts])
    passes = np.logical_or.accumulate(trained)
    update_s = np.where(trained, costs.update_s, 0.0)
    weight_grad_s = np.where(trained, costs.weight_grad_s, 0.0)
    input_grad_s = np.where(passes, costs.input_grad_s, 0.0)
    whole_s = np.where(trained, costs.backward_s, input_grad_s)
    return replace(
        costs,
        backward_s=whole_s,
        input_grad_s=input_grad_s,
        weight_grad_s=weight_grad_s,
        update_s=update_s,
    )


def stage_seconds(costs: BlockCosts, start: int, end: int) -> StageTimes:
    """Blocks ``[start, end)`` as one stage."""
    own, over = slice(start, end), costs.overhead
    load_s = costs.load_s if start == 0 else 0.0
    return StageTimes(
        float(costs.forward_s[own].sum()) + over.forward_s + load_s,
        float(costs.backward_s[own].sum()) + over.backward_s,
        float(costs.input_grad_s[own].sum()) + over.backward_s,
        float(costs.weight_grad_s[own].sum()) + over.backward_s,
        float(costs.update_s[own].sum()) + over.update_s,
    )


def _estimate(compute: ComputeProfile, work: BlockWork, rows: int) -> tuple[BlockTimes, float]:
    measured = min(compute.blocks, key=lambda block: _distance(block.work, work))
    scale = work.per_row / measured.work.per_row
    times = BlockTimes(
        scale * _at(measured, rows, lambda t: t.forward_s),
        scale * _at(measured, rows, lambda t: t.backward_s),
        scale * _at(measured, rows, lambda t: t.input_grad_s),
        scale * _at(measured, rows, lambda t: t.weight_grad_s),
    )
    bytes_ratio = work.parameter_bytes / max(1, measured.work.parameter_bytes)
    return times, bytes_ratio * measured.update_s


def _distance(known: BlockWork, wanted: BlockWork) -> tuple[bool, bool, float]:
    """Whether the inputs need a gradient matters most, because that is half of the backward
    pass."""
    return (
        known.needs_input_grad != wanted.needs_input_grad,
        known.key != wanted.key,
        abs(math.log(known.per_row / wanted.per_row)),
    )


def _at(block: BlockProfile, rows: int, value: Callable[[BlockTimes], float]) -> float:
    points = [(p.rows, value(p.times)) for p in block.points]
    if len(points) == 1:
        return points[0][1] * rows / points[0][0]
    place = sum(rows > known for known, _ in points[1:-1])
    (x0, y0), (x1, y1) = points[place], points[place + 1]
    slope = (y1 - y0) / (x1 - x0)
    # Noise must not make a small microbatch free, or a large one quicker than a small one.
    if rows > x1:
        return y1 + max(slope, 0.5 * y1 / x1) * (rows - x1)
    return max(y0 + slope * (rows - x0), y0 * min(1.0, rows / x0))
