"""Takes down what a session's stages report: for readers at once, for the store in batches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from actors.core.progress.records import Untold
from actors.core.progress.snapshots import Position, TrainingState
from actors.loop.reports import StageReport
from orchestrator.errors import StorageUnavailable
from orchestrator.jobs.job import Job, Session
from orchestrator.jobs.job_book import JobBook
from orchestrator.jobs.metrics import (
    device_stats,
    device_tflops,
    new_history,
    session_progress,
    sum_reports,
)
from orchestrator.sessions.session_spec import empty_progress
from orchestrator.sessions.stage_group import StageGroup
from orchestrator.store.records import StepRecord

FLUSH_INTERVAL_S = 1.0


class SessionLog:
    """Of one session over all its generations; used by the session's own thread."""

    def __init__(self, book: JobBook, job: Job, session: Session) -> None:
        self._book = book
        self._job = job
        self._session = session
        self._ended: dict[int, StageReport] = {}
        self._current: dict[int, StageReport] = {}
        self._epochs: list[dict[str, Any]] = []
        self._steps: list[StepRecord] = []
        self._flushed_s = time.monotonic()
        self._furthest: Position = (0, 0)
        """As far as any stage was seen since the last roll-back."""

    def take(self, group: StageGroup, reports: Sequence[StageReport]) -> None:
        """The stages' latest reports."""
        self._current = {
            p.device.device_id: r for p, r in zip(group.placements, reports, strict=True)
        }
        session = self._session
        self._add(Untold(reports[-1].epochs, reports[-1].steps))
        at = max((r.progress.epoch - 1, r.progress.step) for r in reports)
        self._furthest = max(self._furthest, at)
        with self._book.lock:
            if reports[-1].progress.step:
                epochs, epoch = session.options.epochs, reports[-1].progress.epoch - 1
                steps = self._job.length.of_epoch(epoch)
                session.progress = session_progress(reports, epochs, steps)
            session.device_stats = {str(d): device_stats(r) for d, r in self._totals().items()}
        if time.monotonic() - self._flushed_s >= FLUSH_INTERVAL_S:
            self.flush()

    def go_back(self, state: TrainingState | None) -> int:
        """The session goes on from there, None is its beginning: nothing that lies beyond is shown
        any more, in memory or from the store. Returns how many steps were taken back."""
        epoch, step = position = (0, 0) if state is None else state.cursor.position
        far_epoch, far_step = self._furthest
        length = self._job.length
        lost = max(0, length.at(far_epoch, far_step) - length.at(epoch, step))
        self._furthest = position
        first = self._session.first_epoch_index
        last_epoch = first + epoch + (0 < step == length.of_epoch(epoch))
        last_step = (first + epoch + 1, step)
        self._epochs = [known for known in self._epochs if known["epoch"] <= last_epoch]
        self._steps = [known for known in self._steps if (known.epoch, known.step) <= last_step]
        self._book.take_back_results(self._job, last_epoch, last_step)
        if state is not None:
            self._add(state.untold)
        progress = self._progress_at(position)
        with self._book.lock:
            self._session.progress = progress
        return lost

    def steps_done(self, state: TrainingState | None) -> int:
        """Of the session, in that state; None is its beginning."""
        epoch, step = (0, 0) if state is None else state.cursor.position
        return self._job.length.at(epoch, step)

    def _progress_at(self, position: Position) -> dict[str, Any]:
        session, (epoch, step) = self._session, position
        if position == (0, 0):
            return empty_progress(session.options.epochs)
        if step == 0:  # the epoch before has ended, this one has not begun
            epoch, step = epoch - 1, self._job.length.of_epoch(epoch - 1)
        return {
            **session.progress,
            "epoch": epoch + 1,
            "step": step,
            "steps": self._job.length.of_epoch(epoch),
            "loss": self._loss_of(session.first_epoch_index + epoch + 1, step),
        }

    def _loss_of(self, epoch: int, step: int) -> float | None:
        """None where no disk has taken it yet."""
        known = self._steps
        with suppress(StorageUnavailable):
            job_id, before = self._job.job_id, (epoch, step - 1)
            known = [*self._book.store.load_steps(job_id, before, 1), *known]
        losses = [s.loss for s in known if (s.epoch, s.step) == (epoch, step)]
        return losses[-1] if losses else None

    def _add(self, records: Untold) -> None:
        """Epochs and steps, some of which may have been told before a failure."""
        session, first = self._session, self._session.first_epoch_index
        self._steps += [
            StepRecord(first + s.epoch, s.step, s.loss, s.metrics) for s in records.steps
        ]
        if not records.epochs:
            return
        known = {record["epoch"] for record in session.history}
        new = new_history(records.epochs, first, session.index)
        new = [record for record in new if record["epoch"] not in known]
        self._epochs += new
        with self._book.lock:
            session.history = [*session.history, *new]

    def end_generation(self) -> None:
        """What was measured stays; the next generation counts from 0."""
        self._ended, self._current = self._totals(), {}
        self._hand_over()  # there may be no next time

    def flush(self) -> bool:
        """Hands over what is new, to be saved; False while the storage refuses what came before:
        then it is kept for the next time."""
        self._flushed_s = time.monotonic()
        if self._book.unsaved_because(self._job) is not None:
            return False
        self._hand_over()
        return True

    def _hand_over(self) -> None:
        if self._epochs or self._steps:
            self._book.add_results(self._job, self._epochs, self._steps)
            self._epochs, self._steps = [], []
        self._book.try_save(self._job)

    def teraflops(self) -> dict[str, dict[str, float]]:
        """The session's entry in ``GET /api/previous_teraflops``; empty if no step was done."""
        totals = self._totals()
        return {str(d): device_tflops(r) for d, r in totals.items() if r.forward_flops}

    def _totals(self) -> dict[int, StageReport]:
        """By device, all that it has done in the session."""
        before, now = self._ended, self._current
        return {
            device: sum_reports([r for r in (before.get(device), now.get(device)) if r])
            for device in sorted({*before, *now})
        }
