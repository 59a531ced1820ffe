"""Stand-ins for what was not measured: good enough to go on with, and replaced when it was."""

from __future__ import annotations

from collections.abc import Sequence

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

FLOPS_PER_S = 3e10
UPDATE_BYTES_PER_S = 5e9
REFERENCE = 512
LINKS = {
    "shared_memory": LinkProfile("shared_memory", 1.5e-4, 2e9),
    "gloo": LinkProfile("gloo", 2.5e-4, 1.5e9),
    "actor_calls": LinkProfile("actor_calls", 1.5e-3, 3e8),
}


def nominal_profile(threads: int = 1) -> DeviceProfile:
    """A device of which nothing is known: one core of a usual machine."""
    blocks = tuple(_block(needs_input_grad) for needs_input_grad in (False, True))
    own = ComputeProfile(threads, FLOPS_PER_S, StageOverhead(1e-4, 1e-4, 1e-5), blocks)
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


def _block(needs_input_grad: bool) -> BlockProfile:
    """A square product, as a block of a usual size would have."""
    product = 2 * REFERENCE**2
    product_s = product / FLOPS_PER_S
    input_grad_s = product_s if needs_input_grad else 0.0
    num_products = 3 if needs_input_grad else 2
    work = BlockWork("", num_products * product, 4 * REFERENCE**2, needs_input_grad)
    times = BlockTimes(product_s, product_s + input_grad_s, input_grad_s, product_s)
    return BlockProfile(work, (BlockPoint(1, times),), work.parameter_bytes / UPDATE_BYTES_PER_S)
