"""What a log is told, and what is asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

STEP, METRIC, EPOCH, SESSION = "step", "metric", "epoch", "session"
STATUS, PLAN, ROLLED_BACK = "status", "plan", "rolled_back"

Place = tuple[int, int]
"""Epoch and step, from 1 within a job."""
Key = tuple[int, ...]
KEPT_FIRST = 100_000
"""So many of a job's first steps are never thinned."""


@dataclass(frozen=True)
class NewEntry:
    """What a job's log is to be told. What a roll-back may take back says after which step it was:
    ``epoch`` and ``step`` count from 1 within the job. An event has a ``text`` in its values."""

    kind: str
    values: Mapping[str, Any]
    epoch: int | None = None
    step: int | None = None
    is_event: bool = False

    @property
    def place(self) -> Place:
        """Of what belongs to a step."""
        return _place(self.epoch, self.step)


@dataclass(slots=True)
class LogEntry:
    """The same, as it stands in the log. Nobody changes it: it is not frozen because thousands are
    made for one answer, and a frozen one takes four times as long.

    ``seq`` grows within a store, from one JobManager to the next, and is never used again.
    ``at_ms`` is since 1970, UTC, or None where an earlier version did not note it.
    """

    seq: int
    job_id: str
    at_ms: int | None
    kind: str
    epoch: int | None
    step: int | None
    is_event: bool
    values: Mapping[str, Any]

    @property
    def place(self) -> Place:
        """Of what belongs to a step."""
        return _place(self.epoch, self.step)

    @property
    def loss(self) -> float | None:
        """Of a step."""
        return self.values["loss"] if self.kind == STEP else None


def _place(epoch: int | None, step: int | None) -> Place:
    assert epoch is not None and step is not None, "it belongs to no step"
    return epoch, step


@dataclass(slots=True)
class LoggedStep:
    """One optimiser update, of which as many are made. ``epoch`` counts from 1 within the job,
    ``step`` within the epoch. ``metrics`` are those of a validation after it, if there was one
    within the epoch."""

    epoch: int
    step: int
    loss: float
    metrics: Mapping[str, float | None] | None = None


@dataclass(frozen=True)
class LogView:
    """Entries of one kind, without those that were taken back. They are in the order of their
    columns ``order``, by which they are asked for, too."""

    kind: str
    order: tuple[str, ...]

    def key(self, entry: LogEntry) -> Key:
        """Grows from one entry of the view to the next."""
        return tuple(getattr(entry, name) for name in self.order)


STEPS = LogView(STEP, ("epoch", "step"))
METRICS = LogView(METRIC, ("epoch", "step"))
EPOCHS = LogView(EPOCH, ("epoch",))


@dataclass(frozen=True)
class LogPart:
    """Of a view: the first ``limit`` beyond ``after``, which is ``()`` before all, or the latest
    without one. Where what follows is not on the disk yet: only what was told before
    ``before_seq``, and of what belongs to a step, what is not beyond ``back_to``."""

    after: Key | None = None
    limit: int | None = None
    before_seq: int | None = None
    back_to: Place | None = None


@dataclass(frozen=True)
class LogFilter:
    """Which entries: of one job or, without one, of all; of these kinds, or of all; events alone.
    What was taken back is among them, and so is what took it back."""

    job_id: str | None = None
    kinds: tuple[str, ...] | None = None
    only_events: bool = False

    def takes(self, entry: LogEntry) -> bool:
        return (
            self.job_id in (None, entry.job_id)
            and (self.kinds is None or entry.kind in self.kinds)
            and (entry.is_event or not self.only_events)
        )


@dataclass(frozen=True)
class LogPage:
    """Entries in the order in which they were told. Who asks for what comes after ``next_after``
    misses nothing and gets nothing twice."""

    entries: list[LogEntry]
    next_after: int
