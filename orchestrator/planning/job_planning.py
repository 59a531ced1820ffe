"""The requests and measurements that a job keeps for its plans."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from actors.core.recipe.precision import FP32
from actors.core.recipe.recipe import Recipe
from actors.core.stages.profiles import DeviceProfile, LinkProfile
from orchestrator.jobs.job_spec import JobSpec
from orchestrator.planning.nominal import nominal_link, usual_profile
from orchestrator.planning.partition import AUTO, MANUAL, PlanRequest
from orchestrator.planning.plan_types import PlanDevice, PlanJob

MEMORY_SHARE = 0.8
"""Share of a host's memory; the rest is for the system."""
PROCESS_BYTES = 300_000_000
"""Python and PyTorch in a LayerActor's process; on a small host even this does not fit into the
rest."""


@dataclass(frozen=True)
class MeasuredLink:
    """A link from one device to the next one, measured with messages in the precision ``wire``."""

    before: int
    after: int
    profile: LinkProfile
    wire: str = FP32


@dataclass(frozen=True)
class JobPlanning:
    """``profiles`` are by device id."""

    request: PlanRequest = field(default_factory=PlanRequest)
    profiles: Mapping[int, DeviceProfile] = field(default_factory=dict)
    links: tuple[MeasuredLink, ...] = ()

    def link(self, before: int, after: int) -> LinkProfile | None:
        """The measured times, in either direction."""
        ends = {before, after}
        return next((m.profile for m in self.links if {m.before, m.after} == ends), None)

    def threads(self, device_id: int, asked: int | None, default: int) -> int:
        """Threads of a stage there: the number asked for, or the device's default, but no more than
        its owner allows."""
        limit = self.request.limits_of(device_id).threads
        wanted = asked if asked is not None else limit or default
        return wanted if limit is None else min(wanted, limit)


@dataclass(frozen=True)
class DevicePlace:
    """A device, and where it is now."""

    device_id: int
    label: str
    ip: str
    node_id: str


def planned_job(
    spec: JobSpec,
    planning: JobPlanning,
    places: Sequence[DevicePlace],
    recipe: Recipe | None = None,
) -> PlanJob:
    """The job on these devices, by its own recipe if not by another one. A device that was not
    measured is taken for a usual one of the job."""
    known = list(planning.profiles.values())
    devices = []
    for place in places:
        profile = planning.profiles.get(place.device_id) or usual_profile(known)
        room = _room_bytes(planning.request, profile, place, places)
        devices.append(PlanDevice(place.device_id, place.label, profile, room))
    links = tuple(
        planning.link(a.device_id, b.device_id)
        or nominal_link("shared_memory" if a.node_id == b.node_id else "gloo")
        for a, b in itertools.pairwise(places)
    )
    chosen = recipe or spec.train.recipe
    return PlanJob(
        spec.model,
        spec.batch_size * chosen.accumulate,
        min(spec.val_batch_size, spec.data.num_val),
        tuple(devices),
        links,
        chosen,
        spec.task,
    )


def _room_bytes(
    request: PlanRequest, profile: DeviceProfile, place: DevicePlace, places: Sequence[DevicePlace]
) -> int | None:
    """What the device's owner allows, otherwise its part of what the other owners on its host
    leave; None if its memory is not known."""
    here = [request.limits_of(p.device_id).max_memory_bytes for p in places if p.ip == place.ip]
    own = request.limits_of(place.device_id).max_memory_bytes
    if own is not None or profile.memory_bytes is None:
        return own
    memory = profile.memory_bytes
    offered = min(int(MEMORY_SHARE * memory), memory - PROCESS_BYTES * len(here))
    given = [limit for limit in here if limit is not None]
    return max(0, offered - sum(given)) // (len(here) - len(given))


def request_for(planning: JobPlanning, places: Sequence[DevicePlace]) -> PlanRequest:
    """The request as far as it still holds: a map of layers needs all its devices."""
    request = planning.request
    if request.kind == MANUAL and [p.device_id for p in places] != sorted(request.manual):
        return PlanRequest(AUTO, {}, request.limits)
    return request
