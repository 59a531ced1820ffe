"""Plans of jobs: from measuring their devices to the layers that each is given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from orchestrator.checkpoints.initial_weights import InitialWeightsStore
from orchestrator.devices.device_table import DeviceTable
from orchestrator.errors import IllegalTransition, ProbeFailed
from orchestrator.identity import draw_identity
from orchestrator.jobs.job import Job
from orchestrator.jobs.job_lifecycle import Status
from orchestrator.jobs.train_options import TrainOptions
from orchestrator.manager.manager_config import ManagerConfig
from orchestrator.models.weights_source import first_state
from orchestrator.planning import asking
from orchestrator.planning.job_planning import JobPlanning
from orchestrator.planning.partition import PlanRequest, check_plan_request
from orchestrator.sessions.measuring.layer_split import device_places, split_over
from orchestrator.sessions.measuring.probing import Probing
from orchestrator.sessions.recovery.snapshot_copies import SnapshotCopies
from orchestrator.sessions.stage_group import StageGroup, StagePlacement

SILENT_S = 2.0


@dataclass(frozen=True)
class PlannedGroup:
    """LayerActors with their layers, and what that was decided by."""

    group: StageGroup
    planning: JobPlanning


class PlanDesk:
    """For all jobs; any thread may ask."""

    def __init__(
        self,
        config: ManagerConfig,
        copies: SnapshotCopies,
        table: DeviceTable,
        initial: InitialWeightsStore,
    ) -> None:
        self._table = table
        self._initial = initial
        self._timeout_s = config.actor_start_timeout_s
        self._copies = copies
        self._channel = config.channel
        self._heartbeat_timeout_s = config.heartbeat_timeout_s
        self._probing = Probing(config.channel)

    def start_group(
        self, name: str, job: Job, placements: Sequence[StagePlacement], request: PlanRequest
    ) -> PlannedGroup:
        """Starts the LayerActors, measures, splits the layers and builds them; or nothing.

        Raises ``DeviceStartFailed``, ``ProbeFailed``, ``InvalidRequest``, ``StorageUnavailable``.
        """
        group = self._open(name, placements)
        try:
            planning = self._probing.planning(group, job, request, job.spec.train)
            planned = split_over(job, planning, placements, job.spec.train)
            state = first_state(job.spec, self._initial)
            group.build(planned, state, self._timeout_s)
        except BaseException:
            group.kill()
            raise
        return PlannedGroup(group, planning)

    def preview(
        self,
        job: Job,
        placements: Sequence[StagePlacement],
        group: StageGroup | None,
        request: PlanRequest,
        options: TrainOptions,
    ) -> dict[str, Any]:
        """The plan for such a request. If something about the devices is not known, ``group``
        measures it, if there is one that does not train; otherwise LayerActors do, which end
        afterwards."""
        planning = self._probing.known(placements, job, request, options)
        if planning is None:
            with self._held(job):
                planning = self._measured(job, placements, group, request, options)
        return asking.preview(job.job_id, job.spec, planning, device_places(placements), options)

    def _measured(
        self,
        job: Job,
        placements: Sequence[StagePlacement],
        group: StageGroup | None,
        request: PlanRequest,
        options: TrainOptions,
    ) -> JobPlanning:
        if group is not None:
            return self._probing.planning(group, job, request, options)
        name = draw_identity(f"job-{job.job_id}-plan")
        opened = self._open(name, placements)
        try:
            return self._probing.planning(opened, job, request, options)
        finally:
            opened.kill()

    def _open(self, name: str, placements: Sequence[StagePlacement]) -> StageGroup:
        return StageGroup.open(
            name,
            placements,
            self._timeout_s,
            self._copies,
            self._channel,
            self._heartbeat_timeout_s,
        )

    @contextmanager
    def _held(self, job: Job) -> Iterator[None]:
        """Measuring takes the devices, if the job has not got them already."""
        if job.is_active:
            raise IllegalTransition(
                f"Job {job.job_id} is {job.status.value}, and its devices were not measured for "
                "this plan: ask for it again when the session has ended"
            )
        with self._table.lent(job.job_id, job.devices):
            yield

    def for_session(self, job: Job, group: StageGroup | None, options: TrainOptions) -> JobPlanning:
        """The measurements with the threads and the wire of these options; measures what is
        missing. If a device does not answer, the session deals with that, and the job keeps what it
        has."""
        planning = job.planning
        if group is None or job.status is not Status.INITIALIZED:
            return planning
        known = {i: profile.own.threads for i, profile in planning.profiles.items()}
        as_asked = all(planning.threads(i, options.threads, n) == n for i, n in known.items())
        if as_asked and all(link.wire == options.recipe.wire for link in planning.links):
            return planning
        if group.silent(SILENT_S):
            return planning
        try:
            return self._probing.planning(group, job, job.planning.request, options)
        except ProbeFailed:
            return planning


def check_request(job: Job, placements: Sequence[StagePlacement], request: PlanRequest) -> None:
    """Raises ``InvalidRequest``."""
    cores = {p.device.device_id: int(p.resolved.node.num_cpus) for p in placements}
    check_plan_request(request, job.spec.num_blocks, cores)
