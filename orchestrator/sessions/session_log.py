"""Takes down what a session's stages report: for readers at once, for the store in batches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from actors.core.records import Untold
from actors.core.snapshots import Position
from actors.reports import StageReport
from orchestrator.job import Job, Session
from orchestrator.job_book import JobBook
from orchestrator.metrics import (
    device_stats,
    device_tflops,
    new_history,
    session_progress,
    sum_reports,
)
from orchestrator.sessions.stage_group import StageGroup
from orchestrator.store.records import StepRecord

FLUSH_INTERVAL_S = 1.0


class SessionLog:
    """Of one session over all its generations; used by the session's own thread."""

    def __init__(self, book: JobBook, job: Job, session: Session) -> None:
        self._book = book
        self._job = job
        self._session = session
        self._ended: dict[int, list[StageReport]] = {}
        self._current: dict[int, StageReport] = {}
        self._epochs: list[dict[str, Any]] = []
        self._steps: list[StepRecord] = []
        self._flushed_s = time.monotonic()
        self.furthest: Position = (0, 0)
        """As far as any stage was seen."""

    def take(self, group: StageGroup, reports: Sequence[StageReport], num_steps: int) -> None:
        """The stages' latest reports."""
        self._current = {
            p.device.device_id: r for p, r in zip(group.placements, reports, strict=True)
        }
        session = self._session
        self.add(Untold(reports[-1].epochs, reports[-1].steps))
        at = max((r.progress.epoch - 1, r.progress.step) for r in reports)
        self.furthest = max(self.furthest, at)
        with self._book.lock:
            if reports[-1].progress.step:
                epochs = session.options.epochs
                session.progress = session_progress(reports, epochs, num_steps)
            session.device_stats = {str(d): device_stats(r) for d, r in self._totals().items()}
        if time.monotonic() - self._flushed_s >= FLUSH_INTERVAL_S:
            self.flush()

    def add(self, records: Untold) -> None:
        """Epochs and steps, some of which may have been told before a failure."""
        session, first = self._session, self._session.first_epoch_index
        known = {record["epoch"] for record in session.history}
        new = new_history(records.epochs, first, session.index)
        new = [record for record in new if record["epoch"] not in known]
        self._epochs += new
        self._steps += [StepRecord(first + s.epoch, s.step, s.loss) for s in records.steps]
        if new:
            with self._book.lock:
                session.history = [*session.history, *new]

    def end_generation(self) -> None:
        """What was measured stays; the next generation counts from 0."""
        for device_id, report in self._current.items():
            self._ended.setdefault(device_id, []).append(report)
        self._current = {}
        self._hand_over()  # there may be no next time

    def flush(self) -> bool:
        """Saves what is new, and tells whether all of it is saved; what the storage refuses is
        kept for the next time."""
        self._flushed_s = time.monotonic()
        if self._book.unsaved_because(self._job) is not None:
            return False
        self._hand_over()
        return self._book.unsaved_because(self._job) is None

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
        devices = sorted({*self._ended, *self._current})
        return {
            d: sum_reports([*self._ended.get(d, []), *filter(None, [self._current.get(d)])])
            for d in devices
        }
