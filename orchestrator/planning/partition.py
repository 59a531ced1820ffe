"""Parses the requested split of layers and the limits of the devices' owners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from actors.core.errors import InvalidRequest

AUTO, EVEN, MANUAL = "auto", "even", "manual"


@dataclass(frozen=True)
class LayerRange:
    """Layers ``[start, end)``."""

    start: int
    end: int


@dataclass(frozen=True)
class DeviceLimits:
    """The limits of a device's owner; None means no limit."""

    max_memory_bytes: int | None = None
    threads: int | None = None


@dataclass(frozen=True)
class PlanRequest:
    """How to split a job's layers. ``manual`` is by device id, ``limits`` too."""

    kind: str = AUTO
    manual: Mapping[int, LayerRange] = field(default_factory=dict)
    limits: Mapping[int, DeviceLimits] = field(default_factory=dict)

    def limits_of(self, device_id: int) -> DeviceLimits:
        """Those of one device."""
        return self.limits.get(device_id, DeviceLimits())


def parse_plan_request(given: Mapping[str, Any] | None) -> PlanRequest:
    """Parses ``{"partition": …, "devices": …}`` of an initialize request."""
    given = given or {}
    partition = given.get("partition") or AUTO
    devices = given.get("devices") or {}
    limits = {_device_id(key, "devices"): DeviceLimits(**value) for key, value in devices.items()}
    if isinstance(partition, str):
        return PlanRequest(partition, {}, limits)
    manual = {_device_id(key, "partition"): LayerRange(*r) for key, r in partition.items()}
    return PlanRequest(MANUAL, manual, limits)


def partition_json(request: PlanRequest) -> str | dict[str, list[int]]:
    """The request's form, by default ``auto``."""
    if request.kind != MANUAL:
        return request.kind
    return {str(i): [r.start, r.end] for i, r in request.manual.items()}


def check_plan_request(request: PlanRequest, num_layers: int, cores: Mapping[int, int]) -> None:
    """``cores`` are those of each registered device. Raises ``InvalidRequest`` for devices that are
    not registered, more threads than cores, and a map that is no split of the layers."""
    for name, ids in (("devices", request.limits), ("partition", request.manual)):
        _check_known(name, ids, cores)
    for device_id, limits in request.limits.items():
        if limits.threads is not None and limits.threads > cores[device_id]:
            raise InvalidRequest(
                f"devices.{device_id}.threads is {limits.threads}, but the device has "
                f"{cores[device_id]} cores: use at most {cores[device_id]}"
            )
    if request.kind == MANUAL:
        _check_manual(request.manual, num_layers, sorted(cores))


def check_memory_limits(
    request: PlanRequest, memory_bytes: Mapping[int, int | None], hosts: Mapping[int, str]
) -> None:
    """``memory_bytes`` is each device's memory, if known; ``hosts`` names the host of devices that
    share its memory. Raises ``InvalidRequest`` if a limit, or those of one host together, exceed
    the memory."""
    given: dict[str, dict[int, int]] = {}
    for device_id, limits in request.limits.items():
        there_is, asked = memory_bytes.get(device_id), limits.max_memory_bytes
        if asked is None or there_is is None:
            continue
        if asked > there_is:
            raise InvalidRequest(
                f"devices.{device_id}.max_memory_bytes is {asked}, but the device has {there_is}: "
                "use less, or leave it out"
            )
        if device_id in hosts:
            here = given.setdefault(hosts[device_id], {})
            here[device_id] = asked
            _check_together(here, there_is)


def _check_together(here: Mapping[int, int], there_is: int) -> None:
    if sum(here.values()) > there_is:
        names = " and ".join(f"devices.{i}.max_memory_bytes" for i in here)
        raise InvalidRequest(
            f"{names} are {sum(here.values())} together, but these devices are on one host, which "
            f"has {there_is}: use less, or leave one out"
        )


def split_evenly(num_layers: int, num_stages: int) -> tuple[LayerRange, ...]:
    """Splits into equal numbers of layers, as far as possible; the earlier stages take one more."""
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
    return tuple(ranges)


def _device_id(key: str, name: str) -> int:
    if not (key.isascii() and key.isdigit()):
        raise InvalidRequest(
            f'{name} has the key "{key[:40]}", but its keys must be device ids such as "1"'
        )
    return int(key)


def _check_known(name: str, ids: Mapping[int, Any], registered: Mapping[int, int]) -> None:
    unknown = [str(i) for i in ids if i not in registered]
    if unknown:
        known = ", ".join(map(str, sorted(registered)))
        raise InvalidRequest(
            f"{name} names device {', '.join(unknown)}, but the job's devices are {known}: use "
            "the ids that registering them gave"
        )


def _check_manual(
    manual: Mapping[int, LayerRange], num_layers: int, device_ids: Sequence[int]
) -> None:
    """Every device in the order of ids, from layer 0 to the last, without gap or overlap."""
    missing = [str(i) for i in device_ids if i not in manual]
    if missing:
        raise InvalidRequest(
            f"partition gives device {', '.join(missing)} no layers, but every registered device "
            f'needs at least one: add "{missing[0]}": [start, end], or unregister it'
        )
    at = 0
    for device_id in device_ids:
        layers = manual[device_id]
        where = f"partition.{device_id} is [{layers.start}, {layers.end}]"
        if layers.start >= layers.end:
            raise InvalidRequest(f"{where}, which is empty: every device needs at least one layer")
        if layers.start != at:
            what = "a gap" if layers.start > at else "an overlap"
            raise InvalidRequest(
                f"{where}, which makes {what} at layer {min(layers.start, at)}: it has to start at "
                f"{at}, for devices have their layers in the order of their ids"
            )
        at = layers.end
    if at != num_layers:
        what = "a gap: it has to end" if at < num_layers else "too many layers: it has to end"
        raise InvalidRequest(
            f"partition.{device_ids[-1]} ends at layer {at}, which makes {what} at {num_layers}, "
            "the number of the network's layers"
        )
