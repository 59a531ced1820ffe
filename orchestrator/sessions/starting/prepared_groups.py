"""LayerActors of jobs that are initialized: with layers and weights, waiting for ``train``."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.data.datasets import DatasetStore
from orchestrator.devices.device_table import DeviceTable
from orchestrator.errors import DeviceStartFailed, StorageUnavailable
from orchestrator.jobs.job import Job
from orchestrator.jobs.job_book import JobBook
from orchestrator.jobs.job_lifecycle import Event, Status
from orchestrator.jobs.job_spec import check_batch_size
from orchestrator.planning.partition import PlanRequest
from orchestrator.sessions.measuring.plan_desk import PlanDesk
from orchestrator.sessions.members.device_choice import plan_stages
from orchestrator.sessions.stage_group import StageGroup, StagePlacement
from orchestrator.sessions.starting.host_room import lacking_memory


class PreparedGroups:
    """One group a job at most; the book's lock guards them."""

    def __init__(
        self, plans: PlanDesk, book: JobBook, table: DeviceTable, datasets: DatasetStore
    ) -> None:
        self._plans = plans
        self._book = book
        self._table = table
        self._datasets = datasets
        self._groups: dict[str, StageGroup] = {}

    def start(self, job: Job, placements: Sequence[StagePlacement], request: PlanRequest) -> None:
        """Holds the job's devices, measures them, and starts a group with newly drawn weights,
        which replaces the one before. If it can't start, nothing is held and the old weights are
        kept; if the storage refuses, the job stays as it is.

        Raises ``DeviceBusy``, ``DeviceStartFailed``, ``ProbeFailed``, ``InvalidRequest``,
        ``StorageUnavailable``, …
        """
        self._check_room(job, placements)
        self._datasets.start_loading(job.spec.source)
        with self._table.given(job.job_id, job.devices):
            self._book.check_writable(job)
            self._end(job.job_id)
            try:
                group = self._started(job, placements, request)
            except StorageUnavailable:
                raise  # ``train`` starts LayerActors itself if none are prepared
            except Exception:
                self._fall_back(job)
                raise
        with self._book.lock:
            self._groups[job.job_id] = group

    def _check_room(self, job: Job, placements: Sequence[StagePlacement]) -> None:
        """Those that have a LayerActor here already give it back for the new one."""
        prepared = self.get(job.job_id)
        held = [] if prepared is None else [p.device.device_id for p in prepared.placements]
        here = [p.device for p in placements if p.device.is_local]
        new = [device for device in here if device.device_id not in held]
        loads = not self._datasets.is_begun(job.spec.source)
        if new and (lacking := lacking_memory(len(new), loads)) is not None:
            raise DeviceStartFailed(lacking)

    def get(self, job_id: str) -> StageGroup | None:
        """The job's, if it has one."""
        with self._book.lock:
            return self._groups.get(job_id)

    def take(self, job_id: str) -> StageGroup | None:
        """The prepared group. From now on the caller has to end it."""
        with self._book.lock:
            return self._groups.pop(job_id, None)

    def hand_over(self, job_id: str, used: StageGroup | None) -> None:
        """The job's group is ``used`` by a session from now on, or ended where another one is."""
        group = self.take(job_id)
        if group is not None and group is not used:
            group.kill()

    def release(self, job_id: str) -> None:
        """Ends the job's group, if it has one, and gives its devices back."""
        self._end(job_id)
        self._table.release(job_id)

    def _started(
        self, job: Job, placements: Sequence[StagePlacement], request: PlanRequest
    ) -> StageGroup:
        """The data are loaded while the LayerActors start."""
        planned = self._plans.start_group(job.begin_generation(), job, placements, request)
        group, was_trained = planned.group, bool(job.sessions)
        try:
            num_train = self._datasets.get(job.spec.source).num_train
            check_batch_size(job.spec, num_train)
            with self._book.changing(job, forget_history=True) as (draft,):
                draft.reset_training()
                draft.stages = plan_stages(group.placements)
                draft.planning = planned.planning
                draft.apply(Event.INITIALIZE)
        except BaseException:
            group.kill()
            raise
        if was_trained:
            self._book.thin(job)  # of the weights before no step counts any more
        return group

    def _fall_back(self, job: Job) -> None:
        with self._book.lock:
            if job.status is not Status.INITIALIZED:
                return
            job.apply(Event.CHANGE_DEVICES)
            self._book.try_save(job)
        self._table.release(job.job_id)

    def _end(self, job_id: str) -> None:
        group = self.take(job_id)
        if group is not None:
            group.kill()
