"""A trace of two steps of three devices, as GET /api/jobs/<id>/trace has it."""

from __future__ import annotations

from typing import Any

FORWARD_US = (42_000.0, 55_000.0, 28_000.0)
"""Of each device; a backward pass takes twice as long."""
UPDATE_US, WIRE_US = 9_000.0, 6_000.0
NUM_MICROBATCHES, NUM_STEPS = 4, 2


def page_trace(**_: Any) -> dict[str, Any]:
    """Each device does all forward passes, then all backward passes."""
    devices = range(len(FORWARD_US))
    events = [_named(device) for device in devices]
    free = [0.0 for _ in devices]
    for step in range(1, NUM_STEPS + 1):
        for name, order, factor in (("forward", devices, 1), ("backward", devices[::-1], 2)):
            for microbatch in range(1, NUM_MICROBATCHES + 1):
                arrived = 0.0
                for device in order:
                    if arrived > free[device]:
                        events.append(_slice(device, "receive", free[device], arrived, step))
                    begin = max(free[device], arrived)
                    free[device] = begin + FORWARD_US[device] * factor
                    arrived = free[device] + WIRE_US
                    events.append(_slice(device, name, begin, free[device], step, microbatch))
        for device in devices:
            begin, free[device] = free[device], free[device] + UPDATE_US
            events.append(_slice(device, "update", begin, free[device], step))
    return {"traceEvents": events, "displayTimeUnit": "ms", "otherData": {"bubble": 0.31}}


def _named(device: int) -> dict[str, Any]:
    name = {"name": f"device {device + 1}"}
    return {"ph": "M", "name": "thread_name", "pid": 1, "tid": 2 * device + 1, "args": name}


def _slice(
    device: int, name: str, begin: float, end: float, step: int, microbatch: int | None = None
) -> dict[str, Any]:
    told: dict[str, Any] = {"epoch": 21, "step": step}
    if microbatch is not None:
        told["microbatch"] = microbatch
    place = {"ph": "X", "pid": 1, "tid": 2 * device + 1, "args": told}
    return {**place, "name": name, "ts": begin, "dur": end - begin}
