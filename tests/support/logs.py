"""What a job's log is told in tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestrator.store.job_store import JobStore
from orchestrator.store.log.entries import (
    EPOCH,
    METRIC,
    ROLLED_BACK,
    SESSION,
    STEP,
    LogEntry,
    LogFilter,
    NewEntry,
)
from orchestrator.store.log.job_log import JobLog
from orchestrator.store.log.log_numbers import LogNumbers
from orchestrator.store.outbox import Outbox

METRICS_OF_AN_EPOCH = {"loss": 0.25, "accuracy": 1 / 3, "r2": None}


def step(epoch: int, number: int, loss: float = 0.5) -> NewEntry:
    """One optimiser update."""
    return NewEntry(STEP, {"loss": loss}, epoch, number)


def steps(epoch: int, count: int) -> list[NewEntry]:
    """The first ones of an epoch."""
    return [step(epoch, number) for number in range(1, count + 1)]


def validated(epoch: int, number: int, **metrics: float | None) -> NewEntry:
    """After that step."""
    return NewEntry(METRIC, metrics, epoch, number)


def epoch(number: int, num_steps: int = 1, **changes: Any) -> NewEntry:
    """A whole one."""
    values = {"session": 1, "train_loss": 1 / number, "metrics": METRICS_OF_AN_EPOCH}
    return NewEntry(EPOCH, {**values, "samples_per_s": 1000.0, **changes}, number, num_steps)


def epoch_record(number: int, **changes: Any) -> dict[str, Any]:
    """The same as a history has it."""
    return {"epoch": number, **epoch(number, **changes).values}


def back_to(epoch: int, number: int, text: str | None = None) -> NewEntry:
    """A roll-back, which is an event where it has a text."""
    values = {} if text is None else {"text": text}
    return NewEntry(ROLLED_BACK, values, epoch, number, is_event=text is not None)


def event(text: str, kind: str = "seen") -> NewEntry:
    """Something for people."""
    return NewEntry(kind, {"text": text}, is_event=True)


def measured(tflops: float, run: int = 1, session: int = 1) -> NewEntry:
    """What a session tells when it ends."""
    devices = {"1": {"total_tflops": tflops}}
    return NewEntry(SESSION, {"run": run, "session": session, "devices": devices})


def tell(store: JobStore, job_id: str, *new: NewEntry) -> list[LogEntry]:
    """Straight to the disk."""
    told = LogNumbers(store).give(job_id, new)
    store.append_log(told)
    return told


def write_now(store: JobStore, outbox: Outbox, job_id: str, new: Sequence[NewEntry]) -> None:
    """The same with the numbers of an outbox."""
    with outbox.numbering() as number:
        store.append_log(number(job_id, new))


def events_of(store: JobStore, job_id: str) -> list[LogEntry]:
    """What the disk has for people, oldest first."""
    return store.load_page(LogFilter(job_id, only_events=True), -1, 2**62, 10_000)


def log_of(store: JobStore) -> JobLog:
    """What the disk has."""
    return JobLog(store, Outbox(store))


def part_of(
    history: list[dict[str, Any]], after_epoch: int | None, limit: int | None
) -> list[dict[str, Any]]:
    """As ``GET /api/jobs/<job_id>`` chooses it."""
    if after_epoch is not None:
        return [record for record in history if record["epoch"] > after_epoch][:limit]
    return history if limit is None else history[max(0, len(history) - limit) :]
