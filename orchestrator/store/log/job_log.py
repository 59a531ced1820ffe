"""What the API shows of a job's story: views of its log, up to what no disk has taken yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.store.job_store import JobStore
from orchestrator.store.log.entries import (
    EPOCHS,
    METRICS,
    ROLLED_BACK,
    SESSION,
    STEPS,
    Key,
    LogEntry,
    LogFilter,
    LoggedStep,
    LogPage,
    LogPart,
    LogView,
    Place,
)
from orchestrator.store.log.step_counts import StepCounts
from orchestrator.store.outbox import Outbox


@dataclass(frozen=True)
class History:
    """Some epochs of a job, as ``metrics.told_results`` tells them, numbered. ``num_epochs``
    counts all that there are."""

    epochs: list[dict[str, Any]]
    num_epochs: int


class JobLog:
    """Any thread may ask. ``after`` is the place beyond which a view is asked for; without one its
    latest entries are. Raises ``StorageUnavailable``."""

    def __init__(self, store: JobStore, outbox: Outbox) -> None:
        self._store = store
        self._outbox = outbox

    def history(
        self, job_id: str, after_epoch: int | None = None, limit: int | None = None
    ) -> History:
        """Epochs, in order."""
        after = None if after_epoch is None else (after_epoch,)
        part, waiting = self._parts(job_id, EPOCHS)
        part = replace(part, after=after, limit=limit)
        stored, num_stored = self._store.load_counted(job_id, EPOCHS, part)
        found = _joined(EPOCHS, part, stored, waiting)
        epochs = [{"epoch": e.epoch, **e.values} for e in found]
        return History(epochs, num_stored + len(waiting))

    def steps(self, job_id: str, after: Key, limit: int) -> list[LoggedStep]:
        """With what was validated after them."""
        found = self.read(job_id, STEPS, after, limit)
        if not found:
            return []
        end = found[-1].place
        validated = self.read(job_id, METRICS, after, limit)
        metrics = {e.place: e.values for e in validated if e.place <= end}
        return [
            LoggedStep(*step.place, step.values["loss"], metrics.get(step.place)) for step in found
        ]

    def page(self, wanted: LogFilter, after: int | None, limit: int) -> LogPage:
        """The first ``limit`` entries that were told after that ``seq`` or, without one, the latest
        ones; oldest first."""
        waiting = self._outbox.waiting_of_all()
        stored = self._store.load_page(wanted, after, waiting.end_seq, limit)
        begin = -1 if after is None else after
        new = [e for e in waiting.entries if begin < e.seq < waiting.end_seq and wanted.takes(e)]
        # What was written meanwhile is in both.
        found = sorted({e.seq: e for e in (*stored, *new)}.values(), key=lambda entry: entry.seq)
        if after is None:
            return LogPage(_latest(found, limit), waiting.end_seq - 1)
        if len(found) >= limit:
            return LogPage(found[:limit], found[limit - 1].seq)
        return LogPage(found, max(after, waiting.end_seq - 1))

    def last_seq(self) -> int:
        """Up to which everything can be seen."""
        return self._outbox.waiting_of_all().end_seq - 1

    def step_counts(self, job_id: str, epochs: Sequence[LogEntry]) -> StepCounts:
        """Of a job that has told the end of these epochs."""
        counts = dict(entry.place for entry in epochs)
        part, waiting = self._parts(job_id, STEPS)
        places = [e.place for e in (*self.read(job_id, STEPS, None, 1), *waiting)]
        last, _ = max(places, default=(0, 0))
        missing = [epoch for epoch in range(1, last + 1) if epoch not in counts]
        counts |= self._store.load_last_steps(job_id, missing, part)
        for epoch, step in places:
            if epoch in missing:
                counts[epoch] = max(counts.get(epoch, 0), step)
        return StepCounts(counts)

    def losses(
        self, job_id: str, counts: StepCounts, after: int, max_points: int
    ) -> list[LogEntry]:
        """The steps told after that ``seq``, in order; of more than ``max_points`` about so many,
        with the smallest and the largest loss of each part."""
        part, waiting = self._parts(job_id, STEPS)
        begin = self._store.load_place_after(job_id, after)
        if part.back_to is not None:
            begin = min(begin, part.back_to)
        found = self.read(job_id, STEPS, begin, max_points + 1)
        if len(found) > max_points:
            bounds = _bounds(counts, begin, part.back_to, max(1, max_points // 2))
            stored = self._store.load_extremes(job_id, bounds, part.before_seq)
            found = [*stored, *(entry for entry in waiting if entry.place > begin)]
        return [entry for entry in found if entry.seq > after]

    def sessions(self, limit: int | None = None) -> list[LogEntry]:
        """What the latest of all jobs have measured, oldest first, those of deleted jobs too; once
        each, however often it was told."""
        waiting = [e for e in self._outbox.waiting_of_all().entries if e.kind == SESSION]
        stored = self._store.load_sessions(None if waiting else limit)
        found = {_session_of(entry): entry for entry in [*stored, *waiting]}
        return _latest(list(found.values()), limit)

    def read(
        self, job_id: str, view: LogView, after: Key | None, limit: int | None
    ) -> list[LogEntry]:
        """In the view's order."""
        part, waiting = self._parts(job_id, view)
        part = replace(part, after=after, limit=limit)
        return _joined(view, part, self._store.load_log(job_id, view, part), waiting)

    def _parts(self, job_id: str, view: LogView) -> tuple[LogPart, list[LogEntry]]:
        """What of the view is on the disk and stays so, and what is not there yet. All that was
        told before the first entry that waits is written: nothing is missing or comes twice."""
        waiting = self._outbox.waiting(job_id)
        if not waiting:
            return LogPart(), []
        back_to: Place | None = None
        new: list[LogEntry] = []
        for entry in waiting:
            if entry.kind == ROLLED_BACK:
                place = entry.place
                back_to = place if back_to is None else min(back_to, place)
                new = [known for known in new if known.place <= place]
            elif entry.kind == view.kind:
                new.append(entry)
        return LogPart(before_seq=waiting[0].seq, back_to=back_to), new


def _joined(
    view: LogView, part: LogPart, stored: list[LogEntry], waiting: list[LogEntry]
) -> list[LogEntry]:
    if part.after is None:
        return _latest([*stored, *waiting], part.limit)
    return [*stored, *(e for e in waiting if view.key(e) > part.after)][: part.limit]


def _session_of(entry: LogEntry) -> tuple[str, int, int]:
    return entry.job_id, entry.values["run"], entry.values["session"]


def _latest(entries: Sequence[LogEntry], limit: int | None) -> list[LogEntry]:
    return list(entries if limit is None else entries[max(0, len(entries) - limit) :])


def _bounds(counts: StepCounts, begin: Place, back_to: Place | None, num_parts: int) -> list[Place]:
    """Of parts with equal numbers of steps, from ``begin`` to the end."""
    first, end = counts.count(begin), counts.total
    if back_to is not None:
        end = min(end, counts.count(back_to))
    found = {counts.place(first + (end - first) * i // num_parts) for i in range(num_parts + 1)}
    return sorted({begin, *found})
