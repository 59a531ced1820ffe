"""Devices and links with round figures, for tests of the planner."""

from __future__ import annotations

from collections.abc import Sequence

from actors.core.model.model_spec import ModelSpec, mlp
from actors.core.recipe.recipe import PLAIN_SGD, Recipe
from actors.core.stages.profiles import (
    BlockPoint,
    BlockProfile,
    BlockTimes,
    BlockWork,
    ComputeProfile,
    DeviceProfile,
    LinkProfile,
    StageOverhead,
)
from orchestrator.planning.plan_types import PlanDevice, PlanJob

EQUAL = mlp((100, 100, 100, 100, 100))
FREE = LinkProfile("shared_memory", 0.0, 1e15)


def compute(weights_per_s: float = 1e9, threads: int = 1) -> ComputeProfile:
    """Multiplies this many weights with a row in a second, at any size; nothing else takes time."""
    num_weights, blocks = 100 * 100, []
    for needs_input_grad in (False, True):
        product_s = num_weights / weights_per_s
        other_s = product_s if needs_input_grad else 0.0
        times = BlockTimes(product_s, product_s + other_s, other_s, product_s)
        work = BlockWork("", (2 + needs_input_grad) * 2 * num_weights, 40_400, needs_input_grad)
        blocks.append(BlockProfile(work, (BlockPoint(1, times),), 0.0))
    return ComputeProfile(threads, 2 * weights_per_s, StageOverhead(), tuple(blocks))


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
    network: ModelSpec = EQUAL,
    link: LinkProfile = FREE,
    batch_size: int = 64,
    recipe: Recipe = PLAIN_SGD,
) -> PlanJob:
    """A job on these devices, with equal links between them."""
    links = (link,) * (len(devices) - 1)
    return PlanJob(network, batch_size, 1, tuple(devices), links, recipe)
