"""Chooses which of a job's devices hold its stages now, and waits if there are too few."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from actors.core.stages.specs import StageSpec
from orchestrator.devices import device_registry
from orchestrator.devices.device_table import DeviceTable
from orchestrator.devices.placement import ClusterView, Node, ResolvedDevice
from orchestrator.errors import (
    AmbiguousDevice,
    DeviceBusy,
    InvalidRequest,
    NodeNotFound,
    StageFailure,
)
from orchestrator.jobs.failure_policy import missing_devices, why_not_wait
from orchestrator.jobs.job import Device, Job, PlannedStage, Session
from orchestrator.jobs.job_book import JobBook
from orchestrator.jobs.job_lifecycle import Event, Status
from orchestrator.planning.partition import split_evenly
from orchestrator.sessions.measuring.layer_split import split_over
from orchestrator.sessions.measuring.link_probe import reach_each_other
from orchestrator.sessions.members.liveness import answering_nodes
from orchestrator.sessions.members.suspects import Suspects
from orchestrator.sessions.recovery.group_failure import Suspect
from orchestrator.sessions.stage_group import StagePlacement

WAIT_INTERVAL_S = 0.5
SLOW_S = 15.0
"""A device that has answered within this time does not count as missing."""
NEWCOMER_TIMEOUT_S = 30.0
"""Nobody waits during this time."""


@dataclass(frozen=True)
class Available:
    """A registered device, and what it means in the cluster now."""

    device: Device
    resolved: ResolvedDevice


class DeviceChoice:
    """Chooses for one session; other threads call ``exclude``, ``include`` and ``wake``."""

    def __init__(
        self, cluster: Callable[[], ClusterView], table: DeviceTable, book: JobBook
    ) -> None:
        self._cluster = cluster
        self._table = table
        self._book = book
        self._wake = threading.Event()
        self.suspects = Suspects()
        self._just_seen: frozenset[str] = frozenset()
        self._seen_s: dict[str, float] = {}
        self.excluded: frozenset[int] = frozenset()

    def exclude(self, device_id: int) -> None:
        """The device is being taken out of the job."""
        self.excluded = self.excluded | {device_id}

    def include(self, device_id: int) -> None:
        """It stays in the job after all."""
        self.excluded = self.excluded - {device_id}

    def just_seen(self, placements: Sequence[StagePlacement]) -> None:
        """These have answered a moment ago: ``wait`` need not ask them first, which may take a node
        without an idle worker process longer than one that is well is given."""
        self._just_seen = frozenset(p.resolved.node.node_id for p in placements)
        self._seen_s = {p.device.address: time.monotonic() for p in placements}

    def wake(self) -> None:
        """Looks again at once."""
        self._wake.set()

    def wait(
        self, job: Job, session: Session, stop: threading.Event
    ) -> list[StagePlacement] | None:
        """The stages' places, held for the job, once enough devices answer; None when stopped.

        Raises ``StageFailure`` when that takes longer than the job's policy allows.
        """
        since = time.monotonic()
        told: tuple[list[str], str | None] = ([], None)
        while not stop.is_set():
            self._wake.clear()
            answering = self._answering(job)
            available = [a for a in answering if not self.suspects.left_out(a.device.device_id)]
            places, missing = self._try(job, session, available)
            if missing:
                available = self._with_those_left_out(answering)
                places, missing = self._try(job, session, available)
            if places is not None and self._hold(job, available):
                return places
            missing = missing or ["a device that another job holds"]
            shown = self._not_seen_lately(missing)
            advice = self._advice(job)
            if shown and (shown, advice) != told:
                told = (shown, advice)
                self._tell(job, session, shown, advice)
            error = why_not_wait(job.failure_policy, time.monotonic() - since, missing)
            if error is not None:
                raise StageFailure(error.replace("<job_id>", job.job_id))
            self._wake.wait(WAIT_INTERVAL_S)
        return None

    def obtainable(self, job: Job) -> list[Available]:
        """The devices that may be available, by Ray's own table; it asks no device and holds
        none."""
        found = self._resolvable(job)
        return [a for a in found if not self.suspects.left_out(a.device.device_id)]

    def best(self, job: Job, available: Sequence[Available]) -> list[StagePlacement] | None:
        """Places on all of these devices. None if they are no more than the job has, or have too
        little memory."""
        if len(available) <= len(job.stages):
            return None
        places, _ = self._planned(job, job.sessions[-1], available)
        return places

    def are_well(self, placements: Sequence[StagePlacement], known: Collection[int]) -> bool:
        """Whether the places on devices that are not ``known`` to train would do: they answer, if
        slowly, and a link that was dead is back; one that is not is left out again."""
        nodes = {p.device.device_id: p.resolved.node for p in placements}
        new = {d: node for d, node in nodes.items() if d not in known}
        asked = {node.node_id: node for node in new.values()}
        if len(answering_nodes(list(asked.values()), NEWCOMER_TIMEOUT_S)) < len(asked):
            return False
        cut = [device_id for device_id in new if self._is_cut(device_id, nodes)]
        for device_id in cut:
            self.suspects.add(Suspect(device_id, self.suspects.peer_of(device_id)))
        return not cut

    def _with_those_left_out(self, answering: Sequence[Available]) -> list[Available]:
        """The job can't go on without: a dead link may be back, and another start may succeed."""
        nodes = {a.device.device_id: a.resolved.node for a in answering}
        for device_id in nodes:
            peer_id = self.suspects.peer_of(device_id)
            if peer_id in nodes and not self._is_cut(device_id, nodes):
                self.suspects.clear_link(device_id)
        return [
            a for a in answering if not self.suspects.left_out(a.device.device_id, is_needed=True)
        ]

    def _is_cut(self, device_id: int, nodes: Mapping[int, Node]) -> bool:
        """Whether the link that made it a suspect is still dead; ``nodes`` are by device."""
        peer_id = self.suspects.peer_of(device_id)
        if peer_id is None or peer_id not in nodes:
            return False
        return not reach_each_other(nodes[device_id], nodes[peer_id])

    def _tell(self, job: Job, session: Session, missing: list[str], advice: str | None) -> None:
        with self._book.lock:
            session.waiting_for, session.advice = missing, advice
            if job.status is Status.TRAINING:  # none was lost: it has just begun, or was drained
                job.apply(Event.LOSE)
        text = f"Waiting for {', '.join(missing)}"
        self._book.note(job, "waiting", text if advice is None else f"{text}. {advice}")
        self._book.try_save(job)

    def _advice(self, job: Job) -> str | None:
        """Says how to go on if a device seems to have another address now."""
        return device_registry.moved_text(job, self._cluster())

    def _missing(self, job: Job, available: Sequence[Available]) -> list[str]:
        registered = [d.address for d in job.devices if d.device_id not in self.excluded]
        there = {a.device.address for a in available}
        missing = missing_devices(job.failure_policy, registered, there)
        cut = self._cut_devices(job)
        return [cut.get(address, address) for address in missing]

    def _not_seen_lately(self, missing: Sequence[str]) -> list[str]:
        """Leaves out devices that have just answered: they may only be slow now."""
        now_s = time.monotonic()
        lately = {a for a, seen_s in self._seen_s.items() if now_s - seen_s < SLOW_S}
        return [what for what in missing if what not in lately]

    def _cut_devices(self, job: Job) -> dict[str, str]:
        """By address, a sentence about a device that works except for a dead link."""
        addresses = {d.device_id: d.address for d in job.devices}
        peers = {d: self.suspects.peer_of(d) for d in addresses}
        return {
            addresses[device_id]: f"{addresses[device_id]} (no link to {addresses[peer_id]})"
            for device_id, peer_id in peers.items()
            if peer_id in addresses and self.suspects.left_out(device_id)
        }

    def _try(
        self, job: Job, session: Session, available: Sequence[Available]
    ) -> tuple[list[StagePlacement] | None, list[str]]:
        """Places on these devices; None where more are needed, and which those are."""
        missing = self._missing(job, available)
        return (None, missing) if missing else self._planned(job, session, available)

    def _planned(
        self, job: Job, session: Session, available: Sequence[Available]
    ) -> tuple[list[StagePlacement] | None, list[str]]:
        """The stages' places; where the layers do not fit these devices, what is missed."""
        try:
            places = _places(job, available)
            return split_over(job, job.planning, places, session.options), []
        except InvalidRequest as error:
            there = {a.device.address for a in available}
            absent = [d.address for d in job.devices if d.address not in there]
            wanted = " or ".join(absent) or "a further device"
            return None, [f"{wanted}, for without it there is too little memory: {error.message}"]

    def _resolvable(self, job: Job) -> list[Available]:
        cluster = self._cluster()
        holders = self._table.holders()
        found = []
        for device in sorted(job.devices, key=lambda d: d.device_id):
            holder = holders.get((device.ip, device.port), job.job_id)
            if device.device_id in self.excluded or holder != job.job_id:
                continue
            try:
                found.append(Available(device, cluster.resolve(device.ip, device.port)))
            except (NodeNotFound, AmbiguousDevice):
                continue
        return found

    def _answering(self, job: Job) -> list[Available]:
        available = self._resolvable(job)
        nodes = {a.resolved.node.node_id: a.resolved.node for a in available}
        seen, self._just_seen = self._just_seen, frozenset()
        asked = [node for node_id, node in nodes.items() if node_id not in seen]
        answering = seen | answering_nodes(asked)
        now_s = time.monotonic()
        self._seen_s.update(
            {a.device.address: now_s for a in available if a.resolved.node.node_id in answering}
        )
        return [a for a in available if a.resolved.node.node_id in answering]

    def _hold(self, job: Job, available: Sequence[Available]) -> bool:
        """Devices are held while they have a stage, and free for others while they have none."""
        with self._book.lock:
            self._table.release(job.job_id)
            try:
                chosen = available[: job.spec.num_blocks]
                devices = [a.device for a in chosen]
                kept = [d for d in devices if d.device_id not in self.excluded]
                self._table.hold(job.job_id, kept)
            except DeviceBusy:
                return False
        return True


def _places(job: Job, available: Sequence[Available]) -> list[StagePlacement]:
    """Every available device gets layers, as far as they go; how many is decided later."""
    model, count = job.spec.model, job.spec.num_blocks
    chosen = available[:count]
    ranges = split_evenly(count, len(chosen))
    return [
        StagePlacement(
            StageSpec.of(model, i, len(chosen), r.start, r.end), place.device, place.resolved
        )
        for i, (place, r) in enumerate(zip(chosen, ranges, strict=True))
    ]


def place(job: Job, cluster: ClusterView) -> list[StagePlacement]:
    """Every registered device as a stage, whether it answers or not, with provisional layers.

    Raises ``InvalidRequest`` for a job without devices, ``NodeNotFound`` and the other errors of
    ``ClusterView.resolve``.
    """
    if not job.devices:
        raise InvalidRequest("No devices registered")
    try:
        return _places(job, [Available(d, cluster.resolve(d.ip, d.port)) for d in job.devices])
    except NodeNotFound as error:
        advice = device_registry.moved_text(job, cluster)
        raise error if advice is None else NodeNotFound(f"{error.message}. {advice}") from None


def plan_stages(placements: Sequence[StagePlacement]) -> tuple[PlannedStage, ...]:
    """The plan that these places amount to."""
    return tuple(PlannedStage(p.device.device_id, p.spec.start, p.spec.end) for p in placements)
