"""Stand-ins for what was not measured: good enough to go on with, and replaced when it was."""

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

FLOPS_PER_S = 3e10
UPDATE_BYTES_PER_S = 5e9
REFERENCE = 512
LINKS = {
    "shared_memory": LinkProfile("shared_memory", 1.5e-4, 2e9),
    "actor_calls": LinkProfile("actor_calls", 1.5e-3, 3e8),
}


def nominal_profile(threads: int = 1) -> DeviceProfile:
    """A device of which nothing is known: one core of a usual machine."""
    layers = tuple(_layer(is_first) for is_first in (True, False))
    own = ComputeProfile(threads, FLOPS_PER_S, StageOverhead(1e-4, 1e-4, 1e-5), layers)
    return DeviceProfile(threads, None, None, own)


def usual_profile(known: Sequence[DeviceProfile]) -> DeviceProfile:
    """For a device that was not measured yet: the middle one of the job's others."""
    if not known:
        return nominal_profile()
    ordered = sorted(known, key=lambda profile: profile.own.matmul_flops_per_s)
    return ordered[(len(ordered) - 1) // 2]


def nominal_link(kind: str) -> LinkProfile:
    """A link that was not measured."""
    return LINKS.get(kind, LINKS["actor_calls"])


def _layer(is_first: bool) -> LayerProfile:
    key = LayerKey(REFERENCE, REFERENCE, is_first)
    product_s = 2 * key.num_weights / FLOPS_PER_S
    input_grad_s = 0.0 if is_first else product_s
    times = LayerTimes(product_s, product_s + input_grad_s, input_grad_s, product_s)
    return LayerProfile(key, (LayerPoint(1, times),), 4 * key.num_weights / UPDATE_BYTES_PER_S)
