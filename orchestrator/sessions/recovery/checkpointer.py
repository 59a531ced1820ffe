"""Writes a session's checkpoints while it trains on, and finds the state that it starts from."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from actors.core.errors import error_text
from actors.core.patience import patience_s
from actors.core.progress.snapshot_cadence import Boundary
from actors.core.progress.snapshots import Cursor, Position, TrainingState
from actors.loop.reports import StageReport
from orchestrator.checkpoints.checkpoint_store import CheckpointStore
from orchestrator.checkpoints.manifest import CheckpointAbout
from orchestrator.errors import StorageUnavailable
from orchestrator.jobs.failure_policy import checkpoint_due
from orchestrator.jobs.job import Job, Session, UnsavedState
from orchestrator.jobs.job_book import JobBook
from orchestrator.jobs.train_options import train_options_json
from orchestrator.sessions.recovery.group_failure import GivenUp
from orchestrator.sessions.stage_group import StageGroup, state_bytes
from orchestrator.sessions.starting.arrivals import NotArrived

LATE_S, LATE_SHARE = 60.0, 0.1
"""A checkpoint is late so long after it was asked for, or that share of what its bytes may take."""

logger = logging.getLogger(__name__)


class Checkpointer:
    """Serves one session. ``poll`` never waits: a thread of its own fetches and writes."""

    def __init__(self, store: CheckpointStore, book: JobBook, job: Job, session: Session) -> None:
        self._store = store
        self._book = book
        self._job = job
        self._session = session
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=f"checkpoint-job-{job.job_id}")
        self._writing: Future[None] | None = None
        self._asked: Boundary | None = None
        self._saved: Position | None = None
        self._newest: Position | None = None
        """On the disk, of this session's."""
        self._is_over = threading.Event()
        """Then the present generation's state need not be fetched any more."""
        self._begun_s = self._asked_s = time.monotonic()
        self._fetch_s = 0.0
        self._first_step = 0

    def load_start(self) -> TrainingState | None:
        """The newest state of this session, or what it began with; None for weights drawn from the
        seed. Raises ``StorageUnavailable``."""
        job = self._job
        unsaved = job.unsaved  # the storage may recover in the meantime
        if unsaved is not None:
            return self._start(unsaved)
        loaded = self._store.load_latest(job.lineage)
        if loaded is None:
            return None
        for sentence in loaded.passed_over:
            self._book.note(job, "checkpoint_damaged", sentence)
        about = loaded.info.about
        return self._start(UnsavedState(loaded.state, about.session, about.total_steps))

    def _start(self, found: UnsavedState) -> TrainingState:
        if found.session != self._session.index:
            self._first_step = found.total_steps
            return found.state.as_start()
        epoch, step = found.state.cursor.position
        self._first_step = found.total_steps - self._job.length.at(epoch, step)
        return found.state

    def begin_generation(self) -> None:
        """Its stages have been asked for nothing yet."""
        self._asked, self._saved = None, None
        self._is_over = threading.Event()

    def poll(
        self,
        group: StageGroup,
        reports: Sequence[StageReport],
        before_save: Callable[[], bool],
    ) -> None:
        """Asks the stages for a snapshot when one is due, and writes it when they have it, unless
        what happened until then, which ``before_save`` hands over, can't be saved: it would be lost
        with a JobManager that goes on from the checkpoint."""
        if self._writing is not None and not self._writing.done():
            return
        position = self._common_position(reports)
        if position is not None and position != self._saved:
            self._saved = position
            self._begun_s, self._asked = time.monotonic(), None
            if before_save():
                over = self._is_over
                self._writing = self._pool.submit(self._fetch_and_save, group, position, over)
            return
        since_s = time.monotonic() - self._begun_s
        due = checkpoint_due(self._job.checkpoint_policy, since_s, self._fetch_s, self._asked)
        if due is not None:
            self._asked, self._asked_s = due, time.monotonic()
            group.request_checkpoint(due)
        elif self._asked is Boundary.STEP:
            self._say_if_late()

    def save_last(self, state: TrainingState, finished: bool) -> None:
        """Saves the last state at the session's end. If it can't be written, it stays in memory and
        is tried again; the store learns of the session's end only after that."""
        self._pool.shutdown(wait=True)
        job, total_steps = self._job, self._total_steps(state.cursor)
        unsaved = job.unsaved = UnsavedState(state, self._session.index, total_steps)

        def save() -> None:
            if job.unsaved is unsaved:  # and no later session has saved a later one
                self._save(state, finished)

        self._book.write(job, save)

    def _total_steps(self, cursor: Cursor) -> int:
        return self._first_step + self._job.length.at(*cursor.position)

    def settle(self) -> Position | None:
        """Nothing more is fetched of this generation; waits for a write under way. Returns the
        session's newest position that is saved."""
        self._is_over.set()
        if self._writing is not None:
            wait([self._writing], timeout=patience_s(state_bytes(self._job.spec.model)))
        return self._newest

    def close(self) -> None:
        """Waits for a write under way."""
        self._pool.shutdown(wait=True)

    def _say_if_late(self) -> None:
        """Stage 0 puts a checkpoint off until the copies of the last snapshot have arrived."""
        waited_s = time.monotonic() - self._asked_s
        if waited_s > max(LATE_S, patience_s(state_bytes(self._job.spec.model)) * LATE_SHARE):
            self._failed(
                f"No checkpoint for {waited_s:.0f} s: the last snapshot has not been copied to "
                "another device yet, or a step takes that long. If a link is slow or blocked, "
                "`tandem doctor` finds it"
            )

    def _common_position(self, reports: Sequence[StageReport]) -> Position | None:
        """The position of which all stages have a snapshot; at an epoch's end only once its loss is
        known."""
        positions = {report.checkpoint for report in reports}
        position = positions.pop() if len(positions) == 1 else None
        if position is None or position[1] < self._job.length.of_epoch(position[0]):
            return position
        try:
            return position if self._record_of(position[0]) is not None else None
        except StorageUnavailable:
            return None  # the job tells of it

    def _record_of(self, epoch: int) -> dict[str, Any] | None:
        """Raises ``StorageUnavailable``."""
        number = self._session.first_epoch_index + epoch + 1
        found = self._book.log.history(self._job.job_id, number - 1, 1).epochs
        return found[0] if found and found[0]["epoch"] == number else None

    def _fetch_and_save(self, group: StageGroup, position: Position, over: threading.Event) -> None:
        try:
            self._book.flush(self._job)
        except StorageUnavailable:
            return  # the job reports it
        try:
            begin = time.monotonic()
            state = group.fetch(position, over.is_set)
            self._fetch_s = time.monotonic() - begin
            if state is not None and not over.is_set():
                self._try_save(state)
        except GivenUp:
            return
        except NotArrived as error:
            if error.is_slow:  # a stage that is gone is the session's own business
                label = group.placements[error.stage].label
                self._failed(f"No checkpoint of this step: {label} {error.why}")
        except StorageUnavailable as error:
            self._failed(error.message)
        except Exception as error:  # nobody would hear of it, and it may be over the next time
            logger.exception("job %s: no checkpoint could be taken", self._job.job_id)
            self._failed(f"No checkpoint could be taken ({error_text(error)})")

    def _try_save(self, state: TrainingState) -> None:
        failed_before = self._job.checkpoint_error is not None
        self._save(state, finished=False)
        if failed_before:
            self._book.note(self._job, "checkpoint_saved", "Checkpoints can be written again")

    def _failed(self, why: str) -> None:
        job, failed_before = self._job, self._job.checkpoint_error is not None
        job.checkpoint_error = why
        if not failed_before:  # once, and not again every interval
            text = f"{why}. Training goes on, and the next one is tried"
            self._book.note(job, "checkpoint_failed", text)

    def _save(self, state: TrainingState, finished: bool) -> None:
        policy, job = self._job.checkpoint_policy, self._job
        self._store.save(self._about(state.cursor, finished), state)
        self._newest = state.cursor.position
        job.unsaved = job.checkpoint_error = None
        self._store.retain(job.lineage, policy.keep_last, policy.keep_best)

    def _about(self, cursor: Cursor, finished: bool) -> CheckpointAbout:
        job, session = self._job, self._session
        epoch, step = cursor.position
        ends_epoch = epoch > 0 if step == 0 else step == job.length.of_epoch(epoch)
        record = self._record_of(epoch if step else epoch - 1) if ends_epoch else None
        return CheckpointAbout(
            job_id=job.job_id,
            identity=job.identity,
            run=job.run,
            session=session.index,
            session_folder=session.folder,
            seed=job.spec.model.seed,
            model=dict(job.lineage.model),
            first_epoch_index=session.first_epoch_index,
            total_steps=self._total_steps(cursor),
            options=train_options_json(session.options),
            epoch=None if record is None else record["epoch"],
            metrics=dict.fromkeys(job.spec.metrics) if record is None else record["metrics"],
            finished=finished,
        )
