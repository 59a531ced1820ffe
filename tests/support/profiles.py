"""Devices and links with round figures, for tests of the planner."""

from __future__ import annotations

from collections.abc import Sequence

from actors.core.profiles import (
    ComputeProfile,
    DeviceProfile,
    LayerKey,
    LayerPoint,
    LayerProfile,
    LayerTimes,
    LinkProfile,
    StageOverhead,
)
from actors.core.specs import NetworkSpec
from orchestrator.planning.plan_types import PlanDevice, PlanJob

EQUAL = NetworkSpec((100, 100, 100, 100, 100))
FREE = LinkProfile("shared_memory", 0.0, 1e15)


def compute(weights_per_s: float = 1e9, threads: int = 1) -> ComputeProfile:
    """Multiplies so many weights with a row in a second, at any size; nothing else takes time."""
    layers = []
    for is_first in (True, False):
        key = LayerKey(100, 100, is_first)
        product_s = key.num_weights / weights_per_s
        other_s = 0.0 if is_first else product_s
        times = LayerTimes(product_s, product_s + other_s, other_s, product_s)
        layers.append(LayerProfile(key, (LayerPoint(1, times),), 0.0))
    return ComputeProfile(threads, 2 * weights_per_s, StageOverhead(), tuple(layers))


def device(
    device_id: int = 1,
    weights_per_s: float = 1e9,
    room_bytes: int | None = None,
    all_cores: float | None = None,
) -> PlanDevice:
    """One with a thread of that speed, and four cores of the speed ``all_cores``."""
    every = None if all_cores is None else compute(all_cores, 4)
    profile = DeviceProfile(4, 2**34, None, compute(weights_per_s), every)
    return PlanDevice(
        device_id, f"device {device_id} (10.0.0.{device_id}:5001)", profile, room_bytes
    )


def job(
    devices: Sequence[PlanDevice],
    network: NetworkSpec = EQUAL,
    link: LinkProfile = FREE,
    batch_size: int = 64,
    momentum: bool = False,
) -> PlanJob:
    """A job on these devices, with equal links between them."""
    links = (link,) * (len(devices) - 1)
    return PlanJob(network, batch_size, 1, tuple(devices), links, momentum)
