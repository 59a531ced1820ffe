"""How long a step would take by a plan, from what the devices were measured to do.

A bound, for want of measured links: waiting for messages is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from actors.core.flops import count_stage_flops
from actors.core.specs import NetworkSpec, StageSpec

HYSTERESIS = 1.1
"""A plan must be faster by this factor to be worth a change."""


@dataclass(frozen=True)
class PlannedStage:
    """Layers ``[start, end)`` on a device."""

    device_id: int
    start: int
    end: int


def step_bound_s(
    network: NetworkSpec,
    stages: Sequence[PlannedStage],
    flops_per_s: Mapping[int, float],
    batch_size: int,
    num_microbatches: int,
) -> float:
    """Seconds of one step at least: the busiest stage's work on all microbatches, after the first
    one has come through the stages before it and before its gradients have gone back there.

    ``flops_per_s`` is by device; one that was never measured is taken for an average one.
    """
    known = list(flops_per_s.values())
    usual = sum(known) / len(known)
    rows = -(-batch_size // num_microbatches)
    seconds = []
    for index, stage in enumerate(stages):
        spec = StageSpec(network, index, len(stages), stage.start, stage.end)
        flops = count_stage_flops(spec, rows)
        seconds.append((flops.forward + flops.backward) / flops_per_s.get(stage.device_id, usual))
    return max(num_microbatches * own + sum(seconds[:i]) for i, own in enumerate(seconds))


def is_worth_a_change(current_s: float, other_s: float) -> bool:
    """Whether the other plan's step is shorter by ``HYSTERESIS``."""
    return current_s >= HYSTERESIS * other_s
