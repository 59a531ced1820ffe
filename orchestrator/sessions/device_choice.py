"""Which of a job's devices hold its stages now; waits for them where they are too few."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from actors.core.specs import StageSpec
from orchestrator.cost_model import PlannedStage
from orchestrator.device_table import DeviceTable
from orchestrator.errors import AmbiguousDevice, DeviceBusy, NodeNotFound, StageFailure
from orchestrator.failure_policy import missing_devices, why_not_wait
from orchestrator.job import Device, Job, Session
from orchestrator.job_book import JobBook
from orchestrator.job_lifecycle import Event, Status
from orchestrator.planning.partition import split_evenly
from orchestrator.placement import ClusterView, ResolvedDevice
from orchestrator.sessions.liveness import answering_nodes
from orchestrator.sessions.stage_group import StagePlacement

WAIT_INTERVAL_S = 0.5
SUSPECT_S = 60.0
"""A device whose link failed is left out for so long; its next failure doubles that."""


@dataclass(frozen=True)
class _Available:
    device: Device
    resolved: ResolvedDevice


class DeviceChoice:
    """Of one session; ``exclude`` and ``wake`` are called from other threads."""

    def __init__(
        self, cluster: Callable[[], ClusterView], table: DeviceTable, book: JobBook
    ) -> None:
        self._cluster = cluster
        self._table = table
        self._book = book
        self._wake = threading.Event()
        self._suspect_until: dict[int, float] = {}
        self._num_suspected: dict[int, int] = {}
        self.excluded: frozenset[int] = frozenset()

    def exclude(self, device_id: int) -> None:
        """The device is being taken out of the job."""
        self.excluded = self.excluded | {device_id}

    def wake(self) -> None:
        """Looks again at once."""
        self._wake.set()

    def suspect(self, device_ids: Collection[int]) -> None:
        """Leaves them out for a while."""
        for device_id in device_ids:
            count = self._num_suspected[device_id] = self._num_suspected.get(device_id, 0) + 1
            self._suspect_until[device_id] = time.monotonic() + SUSPECT_S * 2 ** (count - 1)

    def wait(
        self, job: Job, session: Session, stop: threading.Event
    ) -> list[StagePlacement] | None:
        """The stages' places, held for the job, once enough devices answer; None when stopped.

        Raises ``StageFailure`` when that takes longer than the job's policy allows.
        """
        since = time.monotonic()
        told: list[str] = []
        while not stop.is_set():
            self._wake.clear()
            available = self._answering(job)
            missing = self._missing(job, available)
            if not missing and self._hold(job, available):
                return _places(job, available)
            missing = missing or ["a device that another job holds"]
            if missing != told:
                told = missing
                self._tell(job, session, missing)
            error = why_not_wait(job.failure_policy, time.monotonic() - since, missing)
            if error is not None:
                raise StageFailure(error.replace("<job_id>", job.job_id))
            self._wake.wait(WAIT_INTERVAL_S)
        return None

    def best(self, job: Job) -> list[StagePlacement] | None:
        """Places on all devices that could be had, by Ray's own table; holds nothing."""
        available = self._resolvable(job)
        return _places(job, available) if available else None

    def are_well(self, placements: Sequence[StagePlacement]) -> bool:
        """Whether all these places answer; those that don't are left out for a while."""
        nodes = {p.resolved.node.node_id: p.resolved.node for p in placements}
        answering = answering_nodes(list(nodes.values()))
        silent = [p for p in placements if p.resolved.node.node_id not in answering]
        self.suspect([p.device.device_id for p in silent])
        return not silent

    def _tell(self, job: Job, session: Session, missing: list[str]) -> None:
        with self._book.lock:
            session.waiting_for = missing
            if job.status is Status.TRAINING:  # none was lost: it has just begun, or was drained
                job.apply(Event.LOSE)
        self._book.note(job, "waiting", f"Waiting for {', '.join(missing)}")
        self._book.try_save(job)

    def _missing(self, job: Job, available: Sequence[_Available]) -> list[str]:
        registered = [d.address for d in job.devices if d.device_id not in self.excluded]
        there = {a.device.address for a in available}
        return missing_devices(job.failure_policy, registered, there)

    def _resolvable(self, job: Job) -> list[_Available]:
        cluster = self._cluster()
        holders = self._table.holders()
        found = []
        for device in sorted(job.devices, key=lambda d: d.device_id):
            holder = holders.get((device.ip, device.port), job.job_id)
            if device.device_id in self._left_out() or holder != job.job_id:
                continue
            try:
                found.append(_Available(device, cluster.resolve(device.ip, device.port)))
            except (NodeNotFound, AmbiguousDevice):
                continue
        return found

    def _left_out(self) -> set[int]:
        now = time.monotonic()
        return {*self.excluded, *(d for d, until in self._suspect_until.items() if until > now)}

    def _answering(self, job: Job) -> list[_Available]:
        available = self._resolvable(job)
        nodes = {a.resolved.node.node_id: a.resolved.node for a in available}
        answering = answering_nodes(list(nodes.values()))
        return [a for a in available if a.resolved.node.node_id in answering]

    def _hold(self, job: Job, available: Sequence[_Available]) -> bool:
        """Devices are held while they have a stage, and free for others while they have none."""
        with self._book.lock:
            self._table.release(job.job_id)
            try:
                chosen = available[: job.spec.network.num_layers]
                self._table.hold(job.job_id, [a.device for a in chosen])
            except DeviceBusy:
                return False
        return True


def _places(job: Job, available: Sequence[_Available]) -> list[StagePlacement]:
    """Every available device gets layers, as far as they go."""
    network = job.spec.network
    chosen = available[: network.num_layers]
    ranges = split_evenly(network.num_layers, len(chosen))
    return [
        StagePlacement(
            StageSpec(network, i, len(chosen), r.start, r.end), place.device, place.resolved
        )
        for i, (place, r) in enumerate(zip(chosen, ranges, strict=True))
    ]


def place(job: Job, cluster: ClusterView) -> list[StagePlacement]:
    """Every registered device as a stage, whether it answers or not.

    Raises ``NodeNotFound`` and what else ``ClusterView.resolve`` raises.
    """
    return _places(job, [_Available(d, cluster.resolve(d.ip, d.port)) for d in job.devices])


def plan_stages(placements: Sequence[StagePlacement]) -> tuple[PlannedStage, ...]:
    """The plan that these places amount to."""
    return tuple(PlannedStage(p.device.device_id, p.spec.start, p.spec.end) for p in placements)
