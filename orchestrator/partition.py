"""Layers -> stages."""

from __future__ import annotations

from dataclasses import dataclass

from actors.core.errors import InvalidRequest


@dataclass(frozen=True)
class LayerRange:
    """Layers ``[start, end)``."""

    start: int
    end: int


@dataclass(frozen=True)
class PartitionPlan:
    """One range a stage, in order, without gaps."""

    ranges: tuple[LayerRange, ...]


def split_evenly(num_layers: int, num_stages: int) -> PartitionPlan:
    """As equal numbers of layers as can be, the earlier stages taking one more."""
    if not 1 <= num_stages <= num_layers:
        raise InvalidRequest(
            f"{num_layers} layers can't be split over {num_stages} devices: each needs at least one"
        )
    base, extra = divmod(num_layers, num_stages)
    ranges, start = [], 0
    for stage in range(num_stages):
        end = start + base + (1 if stage < extra else 0)
        ranges.append(LayerRange(start, end))
        start = end
    return PartitionPlan(tuple(ranges))
