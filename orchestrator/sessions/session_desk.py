"""The sessions under way, one a job: started, stopped, taken up again, ended."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from actors.core.datasets import count_train_samples
from orchestrator.checkpoints.checkpoint_store import CheckpointStore
from orchestrator.datasets import DatasetKey, DatasetStore
from orchestrator.device_table import DeviceTable
from orchestrator.errors import (
    IllegalTransition,
    InvalidRequest,
    StorageUnavailable,
    Unavailable,
)
from orchestrator.job import Device, Job, Session
from orchestrator.job_book import JobBook
from orchestrator.job_lifecycle import Event, Status
from orchestrator.manager_config import ManagerConfig
from orchestrator.placement import ClusterView
from orchestrator.sessions.checkpointer import Checkpointer
from orchestrator.sessions.device_choice import DeviceChoice
from orchestrator.sessions.session_log import SessionLog
from orchestrator.sessions.session_runner import Ending, RunnerServices, SessionRunner
from orchestrator.sessions.snapshot_copies import SnapshotCopies
from orchestrator.sessions.stage_group import StageGroup

logger = logging.getLogger(__name__)

ABANDON_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class DeskServices:
    """What the sessions share with the JobManager."""

    config: ManagerConfig
    book: JobBook
    table: DeviceTable
    checkpoints: CheckpointStore
    datasets: DatasetStore
    copies: SnapshotCopies
    cluster: Callable[[], ClusterView]


class SessionDesk:
    """Each session runs in a thread of its own; the book's lock guards the desk, too."""

    def __init__(self, services: DeskServices) -> None:
        self._services = services
        self._book = services.book
        self._running: dict[str, tuple[SessionRunner, threading.Thread]] = {}
        self._suspended: set[str] = set()
        self._last: set[str] = set()

    def start(self, job: Job, session: Session, prepared: StageGroup | None) -> None:
        """``prepared`` has drawn the weights already; without it, the newest state is loaded."""
        runner = self._runner(job, session, prepared)
        if session.stop_asked:
            runner.stop()
        thread = threading.Thread(
            target=self._run,
            args=(job, session, runner),
            name=f"train-job-{job.job_id}",
            daemon=True,
        )
        with self._book.lock:
            self._running[job.job_id] = (runner, thread)
        thread.start()

    def take_up(self, job: Job) -> None:
        """After a restart of the JobManager: what trained goes on."""
        if not job.is_active:
            return
        job.apply(Event.LOSE)
        start = "the session's beginning"
        with suppress(StorageUnavailable):
            for checkpoint in self._services.checkpoints.list(job.lineage)[:1]:
                start = f"checkpoint {checkpoint.checkpoint_id}"
        text = f"The JobManager was started again, and takes the job up from {start}"
        self._book.note(job, "taken_up", text)
        self.start(job, job.sessions[-1], None)

    def resume(self, job: Job) -> None:
        """Goes on with the session that was stopped or has failed; raises ``IllegalTransition``
        where there is none, ``InvalidRequest`` without devices."""
        session = job.unfinished
        if session is None:
            raise IllegalTransition(
                f"Job {job.job_id} is {job.status.value} and has no session to go on with: start "
                f"one with POST /api/network/train/{job.job_id}"
            )
        if not job.devices:
            raise InvalidRequest("No devices registered")
        with self._book.changing(job, {"status": Status.RECOVERING.value}):
            session.outcome, session.num_failures, session.stop_asked = None, 0, False
            job.apply(Event.RESUME)
        self._book.note(job, "resumed", f"Session {session.index} goes on")
        self.start(job, session, None)

    def stop(self, job: Job) -> None:
        """Ends the job's session at its next step."""
        job.sessions[-1].stop_asked = True
        runner, _ = self._running[job.job_id]
        runner.stop()

    def suspend(self) -> dict[str, bool]:
        """Ends every session at its next step and saves its state, but not its job: a later
        JobManager goes on with it there. By job whether that is done; may be asked again."""
        with self._book.lock:
            for job_id, (runner, _) in self._running.items():
                self._last.add(job_id)
                if not runner.is_stopping:
                    self._suspended.add(job_id)
                    runner.stop()
            return {job_id: job_id not in self._running for job_id in self._last}

    @contextmanager
    def moved_off(self, job: Job, device: Device) -> Iterator[None]:
        """Without layers or optimiser state on the device, which gets none any more; where the
        block raises, it may have some again. Raises ``Unavailable``."""
        running = self._running.get(job.job_id)
        if running is None:
            yield
            return
        runner, _ = running
        if not runner.drain(device.device_id):
            raise Unavailable(
                f"Device {device.address} still has layers of job {job.job_id}: they are on their "
                f"way to other devices, and none are given to it any more. Send the same again "
                f"to take it out; GET /api/jobs/{job.job_id}/events tells what goes on"
            )
        try:
            yield
        except BaseException:
            runner.keep(device.device_id)
            raise
        with self._book.lock:
            self._services.table.drop(job.job_id, device)

    def abandon(self, job_id: str) -> None:
        """Ends the job's session, if one is under way, and keeps nothing of it."""
        running = self._running.get(job_id)
        if running is not None:
            runner, thread = running
            runner.abandon()
            thread.join(ABANDON_TIMEOUT_S)

    def _runner(self, job: Job, session: Session, prepared: StageGroup | None) -> SessionRunner:
        s = self._services
        num_train = count_train_samples(job.spec.dataset, Path(s.config.data_dir))
        num_steps = -(-num_train // job.spec.batch_size)
        checkpointer = Checkpointer(s.checkpoints, s.book, job, session, num_steps)
        choice = DeviceChoice(s.cluster, s.table, s.book)
        key = DatasetKey.of(job.spec)
        s.datasets.start_loading(key)
        services = RunnerServices(s.config, s.book, s.copies, lambda: s.datasets.get(key))
        log = SessionLog(s.book, job, session, num_steps)
        return SessionRunner(services, job, session, choice, checkpointer, log, prepared)

    def _run(self, job: Job, session: Session, runner: SessionRunner) -> None:
        try:
            ending = runner.run()
        except Exception as error:
            logger.exception("job %s failed", job.job_id)
            ending = Ending(Event.FAIL, None, f"{type(error).__name__}: {error}")
        is_suspended = ending.event is Event.STOP and job.job_id in self._suspended
        if ending.event is not Event.FAIL and not is_suspended:
            self._keep_teraflops(job, session, runner)
        with self._book.lock:
            self._running.pop(job.job_id, None)
            if is_suspended:
                return
            self._services.table.release(job.job_id)
            _end(job, session, ending)
        self._book.note(job, job.status.value, ending.error or f"Session {session.index} has ended")
        self._book.try_save(job)

    def _keep_teraflops(self, job: Job, session: Session, runner: SessionRunner) -> None:
        run, teraflops = job.run, runner.log.teraflops()
        store = self._book.store
        if teraflops:
            self._book.write(
                job, lambda: store.add_teraflops(job.job_id, run, session.index, teraflops)
            )


def _end(job: Job, session: Session, ending: Ending) -> None:
    job.apply(ending.event)
    job.error = ending.error
    session.outcome = job.status.value
    session.waiting_for = []
    if ending.state is not None:
        epoch, step = ending.state.cursor.position
        job.epochs_begun = session.first_epoch_index + epoch + (1 if step else 0)
