"""The running sessions, one for each job: starts, stops, takes up and ends them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from orchestrator.checkpoints.checkpoint_store import CheckpointStore
from orchestrator.checkpoints.initial_weights import InitialWeightsStore
from orchestrator.data.datasets import DatasetStore
from orchestrator.devices.device_table import DeviceTable
from orchestrator.devices.placement import ClusterView
from orchestrator.errors import (
    IllegalTransition,
    InvalidRequest,
    StorageUnavailable,
    Unavailable,
)
from orchestrator.jobs.job import Device, Job, Session
from orchestrator.jobs.job_book import JobBook
from orchestrator.jobs.job_lifecycle import Event, Status
from orchestrator.manager.manager_config import ManagerConfig
from orchestrator.models.weights_source import first_state
from orchestrator.observing.process_logs import ProcessLogs
from orchestrator.sessions.members.device_choice import DeviceChoice
from orchestrator.sessions.recovery.checkpointer import Checkpointer
from orchestrator.sessions.recovery.snapshot_copies import SnapshotCopies
from orchestrator.sessions.session_log import SessionLog
from orchestrator.sessions.session_runner import Ending, RunnerServices, SessionRunner
from orchestrator.sessions.stage_group import StageGroup, state_bytes
from orchestrator.store.log.entries import SESSION, NewEntry

logger = logging.getLogger(__name__)

ABANDON_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class DeskServices:
    """The services that the sessions share with the JobManager."""

    config: ManagerConfig
    book: JobBook
    table: DeviceTable
    checkpoints: CheckpointStore
    datasets: DatasetStore
    copies: SnapshotCopies
    initial: InitialWeightsStore
    cluster: Callable[[], ClusterView]
    logs: ProcessLogs


@dataclass(eq=False)
class _Running:
    """A session under way, or about to begin: then no thread runs it yet."""

    runner: SessionRunner
    thread: threading.Thread | None = None


class SessionDesk:
    """Runs each session in a thread of its own; the book's lock guards the desk, too."""

    def __init__(self, services: DeskServices) -> None:
        self._services = services
        self._book = services.book
        self._running: dict[str, _Running] = {}
        self._suspended: set[str] = set()
        self._last: set[str] = set()

    @contextmanager
    def entered(
        self, job: Job, session: Session, prepared: StageGroup | None
    ) -> Iterator[Callable[[], None]]:
        """All that a session needs beforehand, so that nothing can go wrong once the job is saved
        as one that trains: the block saves it, then begins. From there on it can be stopped.

        ``prepared`` has drawn the weights already, and is the session's once that has begun;
        without it, the newest state is loaded.
        """
        running = _Running(self._runner(job, session, prepared))
        with self._book.lock:
            self._running[job.job_id] = running

        def begin() -> None:
            if session.stop_asked:
                running.runner.stop()
            running.thread = threading.Thread(
                target=self._run,
                args=(job, session, running),
                name=f"train-job-{job.job_id}",
                daemon=True,
            )
            running.thread.start()

        try:
            yield begin
        except BaseException:
            self._leave(job, running)
            raise

    def take_up(self, job: Job) -> None:
        """After a restart of the JobManager: what trained goes on."""
        if not job.is_active:
            return
        job.apply(Event.LOSE)
        job.sessions[-1].waiting_for = []  # its session will find out
        start = "the session's beginning"
        with suppress(StorageUnavailable):
            for checkpoint in self._services.checkpoints.list(job.lineage)[:1]:
                start = f"checkpoint {checkpoint.checkpoint_id}"
        text = f"The JobManager was started again, and takes the job up from {start}"
        self._book.note(job, "taken_up", text)
        with self.entered(job, job.sessions[-1], None) as begin:
            begin()

    def resume(self, job: Job) -> dict[str, Any]:
        """Goes on with the session that was stopped or failed, and returns the answer. Raises
        ``IllegalTransition`` if there is none, ``InvalidRequest`` without devices."""
        session = job.unfinished
        if session is None:
            raise IllegalTransition(
                f"Job {job.job_id} is {job.status.value} and has no session to go on with: start "
                f"one with POST /api/network/train/{job.job_id}"
            )
        if not job.devices:
            raise InvalidRequest("No devices registered")
        resumed = {"status": Status.RECOVERING.value}
        with self.entered(job, session, None) as begin:
            with self._book.changing(job, result=resumed) as (draft,):
                going_on = draft.sessions[-1]
                going_on.outcome, going_on.num_failures, going_on.stop_asked = None, 0, False
                draft.apply(Event.RESUME)
            self._book.note(job, "resumed", f"Session {session.index} goes on")
            begin()
        return resumed

    def stop(self, job: Job) -> None:
        """Ends the job's session at its next step."""
        job.sessions[-1].stop_asked = True
        running = self._running.get(job.job_id)
        if running is not None:  # otherwise it has just ended
            running.runner.stop()

    def save_for_end(self) -> list[dict[str, Any]]:
        """Ends every session at its next step and saves its state, but not its job: a later
        JobManager goes on with it there. Does not wait: asked again, it tells how far each is.
        ``error`` is why nothing newer than the last checkpoint is kept."""
        with self._book.lock:
            for job_id, running in self._running.items():
                self._last.add(job_id)
                if not running.runner.is_stopping:
                    self._suspended.add(job_id)
                    running.runner.stop()
            jobs = [job for job in self._book.all() if job.job_id in self._last]
            is_done = {job.job_id: job.job_id not in self._running for job in jobs}
        return [
            {
                "job_id": job.job_id,
                "bytes": state_bytes(job.spec.model),
                "is_done": is_done[job.job_id],
                "error": self._book.unsaved_because(job) or job.checkpoint_error,
            }
            for job in jobs
        ]

    @contextmanager
    def moved_off(self, job: Job, device: Device) -> Iterator[None]:
        """Within the block, the device has neither layers nor optimiser state, and gets none. If
        the block raises, it may get some again. Raises ``Unavailable``."""
        running = self._running.get(job.job_id)
        if running is None:
            yield
            return
        if not running.runner.drain(device.device_id):
            raise Unavailable(
                f"Device {device.address} still has layers of job {job.job_id}: they are on their "
                f"way to other devices, and none are given to it any more. Send the same again "
                f"to take it out; GET /api/jobs/{job.job_id}/events tells what goes on"
            )
        try:
            yield
        except BaseException:
            running.runner.keep(device.device_id)
            raise
        self._services.table.drop(job.job_id, device)

    def group_of(self, job_id: str) -> StageGroup | None:
        """The LayerActors that train the job now."""
        running = self._running.get(job_id)
        return None if running is None else running.runner.group

    def abandon(self, job_id: str) -> None:
        """Ends the job's session, if one is under way, and keeps nothing of it."""
        running = self._running.get(job_id)
        if running is not None:
            running.runner.abandon()
            if running.thread is not None:
                running.thread.join(ABANDON_TIMEOUT_S)

    def _runner(self, job: Job, session: Session, prepared: StageGroup | None) -> SessionRunner:
        s = self._services
        checkpointer = Checkpointer(s.checkpoints, s.book, job, session)
        choice = DeviceChoice(s.cluster, s.table, s.book)
        s.datasets.start_loading(job.spec.source)
        services = RunnerServices(
            s.config,
            s.book,
            s.copies,
            load_data=lambda: s.datasets.get_for(job),
            first_state=lambda: first_state(job.spec, s.initial),
        )
        log = SessionLog(s.book, job, session, s.logs)
        return SessionRunner(services, job, session, choice, checkpointer, log, prepared)

    def _run(self, job: Job, session: Session, running: _Running) -> None:
        try:
            self._run_to_end(job, session, running.runner)
        finally:
            self._leave(job, running)

    def _leave(self, job: Job, running: _Running) -> None:
        with self._book.lock:
            if self._running.get(job.job_id) is running:  # and no later session's
                del self._running[job.job_id]

    def _run_to_end(self, job: Job, session: Session, runner: SessionRunner) -> None:
        try:
            ending = runner.run()
        except Exception as error:
            logger.exception("job %s failed", job.job_id)
            ending = Ending(Event.FAIL, None, f"{type(error).__name__}: {error}")
        is_suspended = ending.event is Event.STOP and job.job_id in self._suspended
        if ending.event is not Event.FAIL and not is_suspended:
            self._keep_teraflops(job, session, runner)
        self._book.settle(job)  # who reads that it has ended finds all of it on the disk
        with self._book.lock:
            if is_suspended:
                return
            self._services.table.release(job.job_id)
            _end(job, session, ending)
            ended = ending.error or f"Session {session.index} has ended"
            self._book.note(job, job.status.value, ended)
            self._book.try_save(job)
        self._book.settle(job)

    def _keep_teraflops(self, job: Job, session: Session, runner: SessionRunner) -> None:
        if teraflops := runner.log.teraflops():
            values = {"run": job.run, "session": session.index, "devices": teraflops}
            self._book.tell(job, NewEntry(SESSION, values))


def _end(job: Job, session: Session, ending: Ending) -> None:
    job.apply(ending.event)
    job.error = ending.error
    session.outcome = job.status.value
    session.waiting_for = []
    if ending.state is not None:
        epoch, step = ending.state.cursor.position
        job.epochs_begun = session.first_epoch_index + epoch + (1 if step else 0)
