"""Takes down what a session's stages report: for readers at once, for the store in batches."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from actors.core.progress.records import Untold
from actors.core.progress.snapshots import Position, TrainingState
from actors.core.stages.specs import StageLabels
from actors.log_lines import LogLine
from actors.loop.reports import StageReport
from orchestrator.errors import StorageUnavailable
from orchestrator.jobs.figures.device_figures import (
    device_stats,
    device_tflops,
    peak_flops_per_s,
    sum_reports,
)
from orchestrator.jobs.job import Job, Session
from orchestrator.jobs.job_book import JobBook
from orchestrator.jobs.metrics import session_progress, told_results
from orchestrator.observing.process_logs import ProcessLogs
from orchestrator.sessions.session_spec import empty_progress
from orchestrator.sessions.stage_group import StageGroup
from orchestrator.store.log.entries import (
    EPOCH,
    EPOCHS,
    ROLLED_BACK,
    STEPS,
    LogView,
    NewEntry,
    Place,
)

FLUSH_INTERVAL_S = 1.0
STEPS_BETWEEN_THINNINGS = 50_000


class SessionLog:
    """Of one session over all its generations; used by the session's own thread."""

    def __init__(self, book: JobBook, job: Job, session: Session, logs: ProcessLogs) -> None:
        self._book = book
        self._logs = logs
        self._told_lines: dict[StageLabels, int] = {}
        """The number of the last log line of each process."""
        self._job = job
        self._session = session
        self._ended: dict[int, StageReport] = {}
        self._current: dict[int, StageReport] = {}
        self._told_step: Place = (0, 0)
        self._told_epoch: Place = (0, 0)
        """Up to where the job's log knows them."""
        self._num_told = 0
        self._flushed_s = time.monotonic()
        self._furthest: Position = (0, 0)
        """As far as any stage was seen since the last roll-back."""

    def take(self, group: StageGroup, reports: Sequence[StageReport]) -> None:
        """The stages' latest reports."""
        self._current = {
            p.device.device_id: r for p, r in zip(group.placements, reports, strict=True)
        }
        session = self._session
        self._tell(Untold(reports[-1].epochs, reports[-1].steps))
        self.keep_lines(group, {i: r.lines for i, r in enumerate(reports)})
        at = max((r.progress.epoch - 1, r.progress.step) for r in reports)
        self._furthest = max(self._furthest, at)
        with self._book.lock:
            if reports[-1].progress.step:
                epochs, epoch = session.options.epochs, reports[-1].progress.epoch - 1
                steps = self._job.length.of_epoch(epoch)
                session.progress = session_progress(reports, epochs, steps)
            session.device_stats = self._device_stats()
        if time.monotonic() - self._flushed_s >= FLUSH_INTERVAL_S:
            self.flush()

    def _device_stats(self) -> dict[str, dict[str, Any]]:
        profiles, threads = self._job.planning.profiles, self._session.threads
        peaks = {d: peak_flops_per_s(profiles.get(d), threads.get(d)) for d in threads}
        totals = self._totals().items()
        return {str(device): device_stats(total, peaks.get(device)) for device, total in totals}

    def keep_lines(self, group: StageGroup, lines: Mapping[int, Sequence[LogLine]]) -> None:
        """By stage, new lines of the processes' logs; some may have been told."""
        for stage, told in lines.items():
            device_id = group.placements[stage].device.device_id
            labels = StageLabels(self._job.job_id, self._job.generation, device_id)
            last = self._told_lines.get(labels, -1)
            if new := [line for line in told if line.number > last]:
                self._told_lines[labels] = new[-1].number
                self._book.write(self._job, functools.partial(self._logs.append, labels, new))

    def begin(self, state: TrainingState | None) -> None:
        """The session begins there, or goes on: what was told later than that state is not so any
        more. Raises ``StorageUnavailable``."""
        place = self._place(state)
        self._told_step, self._told_epoch = self._last_place(STEPS), self._last_place(EPOCHS)
        if max(self._told_step, self._told_epoch) > place:
            self._take_back(place)
        self._show(state)

    def go_back(self, state: TrainingState | None, source: str | None = None) -> int:
        """The session goes on from there, None is its beginning: nothing that lies beyond is shown
        any more. Returns how many steps were taken back; with ``source``, that is an event."""
        far_epoch, far_step = self._furthest
        lost = max(0, self._job.length.at(far_epoch, far_step) - self.steps_done(state))
        text = None if source is None else f"Going back {lost} steps, to {source}"
        self._take_back(self._place(state), text)
        self._show(state)
        return lost

    def _last_place(self, view: LogView) -> Place:
        last = self._book.log.read(self._job.job_id, view, None, 1)
        return last[0].place if last else (0, 0)

    def _take_back(self, place: Place, text: str | None = None) -> None:
        self._told_step = min(self._told_step, place)
        self._told_epoch = min(self._told_epoch, place)
        is_event, values = text is not None, {} if text is None else {"text": text}
        self._book.tell(self._job, NewEntry(ROLLED_BACK, values, *place, is_event=is_event))

    def _show(self, state: TrainingState | None) -> None:
        """As far as the session is in that state, and what nobody has seen of it yet."""
        self._furthest = (0, 0) if state is None else state.cursor.position
        if state is not None:
            self._tell(state.untold)
        progress = self._progress_at(self._furthest)
        with self._book.lock:
            self._session.progress = progress

    def steps_done(self, state: TrainingState | None) -> int:
        """Of the session, in that state; None is its beginning."""
        epoch, step = (0, 0) if state is None else state.cursor.position
        return self._job.length.at(epoch, step)

    def _place(self, state: TrainingState | None) -> Place:
        """The state's within the job."""
        epoch, step = (0, 0) if state is None else state.cursor.position
        return self._session.first_epoch_index + epoch + 1, step

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
            "loss": self._last_loss(),
        }

    def _last_loss(self) -> float | None:
        """None where the storage does not tell it."""
        with suppress(StorageUnavailable):
            for entry in self._book.log.read(self._job.job_id, STEPS, None, 1):
                loss: float = entry.values["loss"]
                return loss
        return None

    def _tell(self, records: Untold) -> None:
        """Epochs and steps, some of which may have been told before a failure."""
        session, length = self._session, self._job.length
        results = told_results(records, session.first_epoch_index, session.index, length)
        epochs = [e for e in results if e.kind == EPOCH and e.place > self._told_epoch]
        steps = [e for e in results if e.kind != EPOCH and e.place > self._told_step]
        self._told_epoch = max([self._told_epoch, *(e.place for e in epochs)])
        self._told_step = max([self._told_step, *(e.place for e in steps)])
        if new := sorted([*steps, *epochs], key=lambda entry: entry.place):
            self._book.tell(self._job, *new, soon=False)
        self._num_told += len(steps)
        if self._num_told >= STEPS_BETWEEN_THINNINGS:
            self._num_told = 0
            self._book.thin(self._job)

    def end_generation(self) -> None:
        """What was measured stays; the next generation counts from 0."""
        self._ended, self._current = self._totals(), {}
        self._book.try_save(self._job)

    def flush(self) -> bool:
        """Saves what is new; False while the storage refuses what came before."""
        self._flushed_s = time.monotonic()
        if self._book.unsaved_because(self._job) is not None:
            return False
        self._book.try_save(self._job)
        return True

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
