"""How long each layer of a network takes on a device, from what was measured there."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from actors.core.profiles import (
    ComputeProfile,
    LayerKey,
    LayerProfile,
    LayerTimes,
    StageOverhead,
    layer_keys,
)
from actors.core.specs import NetworkSpec

Floats = npt.NDArray[np.float64]
"""Seconds, one entry a layer."""


@dataclass(frozen=True)
class LayerCosts:
    """Every layer of a network on one device, for a microbatch; a stage's overhead comes on top.

    ``load_s`` is added where the stage has the network's first layer.
    """

    forward_s: Floats
    backward_s: Floats
    input_grad_s: Floats
    weight_grad_s: Floats
    update_s: Floats
    overhead: StageOverhead
    load_s: float


@dataclass(frozen=True)
class StageSeconds:
    """What some layers take together as one stage; all but the update for one microbatch."""

    forward_s: float
    backward_s: float
    input_grad_s: float
    weight_grad_s: float
    update_s: float


def layer_costs(compute: ComputeProfile, network: NetworkSpec, rows: int) -> LayerCosts:
    """``rows`` are the samples of a microbatch.

    Between two measured numbers of rows the time is taken for linear, and beyond the last for a
    continuation of that line. A layer of sizes that were not measured is taken for the measured
    one with the most similar number of weights, stretched by the ratio of the two numbers.
    """
    keys = layer_keys(network)
    known: dict[LayerKey, tuple[LayerTimes, float]] = {}
    for key in keys:
        if key not in known:
            known[key] = _estimate(compute, key, rows)
    times = [known[key] for key in keys]

    def column(value: Callable[[LayerTimes], float]) -> Floats:
        return np.array([value(t) for t, _ in times])

    return LayerCosts(
        column(lambda t: t.forward_s),
        column(lambda t: t.backward_s),
        column(lambda t: t.input_grad_s),
        column(lambda t: t.weight_grad_s),
        np.array([update_s for _, update_s in times]),
        compute.overhead,
        compute.load_s + compute.load_per_row_s * rows,
    )


def stage_seconds(costs: LayerCosts, start: int, end: int) -> StageSeconds:
    """Layers ``[start, end)`` as one stage."""
    own, over = slice(start, end), costs.overhead
    load_s = costs.load_s if start == 0 else 0.0
    return StageSeconds(
        float(costs.forward_s[own].sum()) + over.forward_s + load_s,
        float(costs.backward_s[own].sum()) + over.backward_s,
        float(costs.input_grad_s[own].sum()) + over.backward_s,
        float(costs.weight_grad_s[own].sum()) + over.backward_s,
        float(costs.update_s[own].sum()) + over.update_s,
    )


def _estimate(compute: ComputeProfile, key: LayerKey, rows: int) -> tuple[LayerTimes, float]:
    measured = min(compute.layers, key=lambda layer: _distance(layer.key, key))
    scale = key.num_weights / measured.key.num_weights
    times = LayerTimes(
        scale * _at(measured, rows, lambda t: t.forward_s),
        scale * _at(measured, rows, lambda t: t.backward_s),
        scale * _at(measured, rows, lambda t: t.input_grad_s),
        scale * _at(measured, rows, lambda t: t.weight_grad_s),
    )
    return times, scale * measured.update_s


def _distance(known: LayerKey, wanted: LayerKey) -> tuple[bool, bool, float]:
    """Whether it is first matters most, for it halves the backward pass."""
    return (
        known.is_first != wanted.is_first,
        known != wanted,
        abs(math.log(known.num_weights / wanted.num_weights)),
    )


def _at(layer: LayerProfile, rows: int, value: Callable[[LayerTimes], float]) -> float:
    points = [(p.rows, value(p.times)) for p in layer.points]
    if len(points) == 1:
        return points[0][1] * rows / points[0][0]
    place = sum(rows > known for known, _ in points[1:-1])
    (x0, y0), (x1, y1) = points[place], points[place + 1]
    slope = (y1 - y0) / (x1 - x0)
    # Noise must not make a small microbatch free, or a large one quicker than a small one.
    if rows > x1:
        return y1 + max(slope, 0.5 * y1 / x1) * (rows - x1)
    return max(y0 + slope * (rows - x0), y0 * min(1.0, rows / x0))
