"""Decides whether a session's devices are alike enough to promise the bits of a plain loop, and
records with what the session was computed, for a later replay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from actors.core.recipe.wire_format import WIRE_FORMATS
from actors.core.stages.compute_device import CPU


@dataclass(frozen=True)
class ComputedLayers:
    """Layers ``[start, end)`` on a host of this kind: the fields of a ``HostKind`` as text.
    ``devices`` had them, by their ids; empty where nobody noted it."""

    start: int
    end: int
    threads: int
    host: Mapping[str, str]
    devices: tuple[int, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class ComputedFrom:
    """With what a session's steps were computed from ``first_step`` (from 0) on. Without ``layers``
    it ended there, and later recorded steps were lost."""

    first_step: int
    layers: tuple[ComputedLayers, ...]


def differences(computed: Sequence[ComputedFrom]) -> list[str]:
    """The differences between the devices that have computed a session's steps, one sentence each;
    none if all are alike. Steps that were done again count once, as they were done last.

    ``docs/numerics.md`` explains why each of these matters.
    """
    parts = [own for known in computed for own in known.layers]
    values = {
        "CPU": [(own, own.host.get("cpu", "")) for own in parts],
        "PyTorch": [(own, own.host.get("torch", "")) for own in parts],
        "threads": [(own, str(own.threads)) for own in parts],
    }
    unlike = [
        f"the devices differ in {what}: {_listed(found, 'has')}"
        for what, found in values.items()
        if len({value for _, value in found}) > 1
    ]
    return [*unlike, *_accelerated(parts)]


def given_up(wire: str, num_stages: int) -> list[str]:
    """What a precision of messages changes in the bits of several stages; nothing if it loses
    nothing."""
    loss = WIRE_FORMATS[wire].loss
    if loss is None or num_stages == 1:
        return []
    return [
        f"{_named(wire)} what crosses from one device to the next is {loss}, which a plain loop "
        "does not do"
    ]


ROUNDED_AT_CUTS = "precision bf16:"
"""How the difference begins for a session from the time when stages with that precision rounded
everything that crossed a cut."""


def given_up_before(wire: str, known: Sequence[str]) -> list[str]:
    """The same for a session's differences so far; it may have fewer stages now."""
    prefixes = (_named(wire), ROUNDED_AT_CUTS)
    return [difference for difference in known if difference.startswith(prefixes)]


def _named(wire: str) -> str:
    return f"wire {wire}:"


def _accelerated(parts: Sequence[ComputedLayers]) -> list[str]:
    """A plain loop runs on a CPU."""
    own = [(p, p.host.get("device", CPU.name)) for p in parts]
    own = [(part, name) for part, name in own if name != CPU.name]
    return [f"not all devices compute on a CPU: {_listed(own, 'on')}"] if own else []


def note_generation(
    before: Sequence[ComputedFrom], first_step: int, layers: Sequence[ComputedLayers]
) -> list[ComputedFrom]:
    """Adds a generation that goes on at ``first_step``: steps from there on are done again.

    If it computes like the one before, on whatever devices, nothing is added. Without ``layers``
    the session ends there, until another generation goes on with it.
    """
    kept = [known for known in before if known.first_step < first_step]
    joined = _joined(layers)
    if kept and kept[-1].layers == joined:
        pairs = zip(kept[-1].layers, joined, strict=True)
        both = tuple(_with_devices(before, now.devices) for before, now in pairs)
        return [*kept[:-1], ComputedFrom(kept[-1].first_step, both)]
    return [*kept, ComputedFrom(first_step, joined)]


def _joined(layers: Sequence[ComputedLayers]) -> tuple[ComputedLayers, ...]:
    """Neighbours that compute alike are one: where the network is cut changes no bits."""
    joined: list[ComputedLayers] = []
    for own in layers:
        last = joined[-1] if joined else None
        if last is not None and (last.threads, last.host) == (own.threads, own.host):
            joined[-1] = _with_devices(replace(last, end=own.end), own.devices)
        else:
            joined.append(own)
    return tuple(joined)


def _with_devices(layers: ComputedLayers, devices: Sequence[int]) -> ComputedLayers:
    return replace(layers, devices=tuple(sorted({*layers.devices, *devices})))


def _listed(values: Sequence[tuple[ComputedLayers, str]], verb: str) -> str:
    """Each device once for each value, such as "device 1 has 2; device 3 has 4"."""
    said = {(device, value) for own, value in values for device in own.devices}
    unknown = {value for own, value in values if not own.devices}
    known = [f"device {device} {verb} {value}" for device, value in sorted(said)]
    return "; ".join([*known, *(f"an earlier device {verb} {value}" for value in sorted(unknown))])
