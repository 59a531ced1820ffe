"""Whether a session's devices are alike enough for the bits of a plain loop to be promised, and
what the session was computed by, for whoever wants to compute it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from actors.core.compute_device import CPU
from actors.host_kind import HostKind


@dataclass(frozen=True)
class ComputedLayers:
    """Layers ``[start, end)`` on a host of this kind: the fields of a ``HostKind`` as text."""

    start: int
    end: int
    threads: int
    host: Mapping[str, str]


@dataclass(frozen=True)
class ComputedFrom:
    """By what a session's steps were computed from ``first_step`` (from 0) on; without ``layers``,
    it ended there, and later steps that may be on record were lost."""

    first_step: int
    layers: tuple[ComputedLayers, ...]


def differences(hosts: Mapping[int, HostKind], threads: Mapping[int, int]) -> list[str]:
    """What differs between the devices (by id), a sentence each; none where all are alike.

    ``docs/numerics.md`` has why each of these matters.
    """
    compared = {
        "CPU": {device: host.cpu for device, host in hosts.items()},
        "PyTorch": {device: host.torch for device, host in hosts.items()},
        "threads": {device: str(count) for device, count in threads.items()},
    }
    unlike = [
        f"the devices differ in {what}: {_listed(values)}"
        for what, values in compared.items()
        if len(set(values.values())) > 1
    ]
    return [*unlike, *_accelerated(hosts)]


def _accelerated(hosts: Mapping[int, HostKind]) -> list[str]:
    """A plain loop runs on a CPU."""
    own = {i: host.device for i, host in hosts.items() if host.device != CPU.name}
    if not own:
        return []
    listed = "; ".join(f"device {i} on {name}" for i, name in sorted(own.items()))
    return [f"not all compute on a CPU: {listed}"]


def note_generation(
    before: Sequence[ComputedFrom], first_step: int, layers: Sequence[ComputedLayers]
) -> list[ComputedFrom]:
    """With a generation that goes on at ``first_step``: the steps from there on are done again.

    Where it computes as the one before, whatever its devices, nothing is added. Without ``layers``
    the session ends there, until another generation goes on with it.
    """
    kept = [known for known in before if known.first_step < first_step]
    joined = _joined(layers)
    if kept and kept[-1].layers == joined:
        return kept
    return [*kept, ComputedFrom(first_step, joined)]


def computed_json(computed: Sequence[ComputedFrom]) -> list[dict[str, Any]]:
    """Fit for ``parse_computed``."""
    return [asdict(known) for known in computed]


def parse_computed(given: Sequence[Mapping[str, Any]]) -> list[ComputedFrom]:
    """What ``computed_json`` made."""
    return [
        ComputedFrom(known["first_step"], tuple(ComputedLayers(**own) for own in known["layers"]))
        for known in given
    ]


def _joined(layers: Sequence[ComputedLayers]) -> tuple[ComputedLayers, ...]:
    """Neighbours that compute alike are one: where the network is cut changes no bits."""
    joined: list[ComputedLayers] = []
    for own in layers:
        last = joined[-1] if joined else None
        if last is not None and (last.threads, last.host) == (own.threads, own.host):
            joined[-1] = ComputedLayers(last.start, own.end, own.threads, own.host)
        else:
            joined.append(own)
    return tuple(joined)


def _listed(values: Mapping[int, str]) -> str:
    return "; ".join(f"device {device} has {value}" for device, value in sorted(values.items()))
