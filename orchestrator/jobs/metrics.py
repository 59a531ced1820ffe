"""Turns reports of the stages into log entries and answers of the API."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from actors.core.progress.records import Untold
from actors.core.progress.session_length import SessionLength
from actors.core.units import time_text
from actors.loop.reports import StageReport
from orchestrator.store.log.entries import EPOCH, METRIC, STEP, LogEntry, NewEntry


def session_progress(reports: Sequence[StageReport], epochs: int, steps: int) -> dict[str, Any]:
    """The progress that the last stage reports, because it knows the loss."""
    progress = reports[-1].progress
    return {
        "epoch": progress.epoch,
        "epochs": epochs,
        "step": progress.step,
        "steps": steps,
        "loss": progress.loss,
        "samples_per_s": progress.samples_per_s,
    }


def told_results(
    records: Untold, first_epoch_index: int, session_index: int, length: SessionLength
) -> list[NewEntry]:
    """The log entries for what the last stage reports. Epochs count on from the job's earlier
    sessions. An epoch's place is after its last step."""
    first, told = first_epoch_index, list[NewEntry]()
    for step in records.steps:
        place = first + step.epoch, step.step
        told.append(NewEntry(STEP, {"loss": step.loss}, *place))
        if step.metrics is not None:
            told.append(NewEntry(METRIC, dict(step.metrics), *place))
    for epoch in records.epochs:
        values = {
            "session": session_index,
            "train_loss": epoch.train_loss,
            "metrics": dict(epoch.metrics),
            "samples_per_s": epoch.samples_per_s,
        }
        place = first + epoch.epoch, length.of_epoch(epoch.epoch - 1)
        told.append(NewEntry(EPOCH, values, *place))
    return told


def shown_epoch(record: Mapping[str, Any]) -> dict[str, Any]:
    """An epoch of a ``JobLog``'s history as the API shows it, with metrics as fields."""
    rest = {name: value for name, value in record.items() if name != "metrics"}
    return {**rest, **shown_metrics(record["metrics"])}


def shown_entry(entry: LogEntry) -> dict[str, Any]:
    """As the API has it; what is no finite number is null."""
    return {
        "seq": entry.seq,
        "job_id": entry.job_id,
        "at": None if entry.at_ms is None else time_text(entry.at_ms),
        "kind": entry.kind,
        "epoch": entry.epoch,
        "step": entry.step,
        "text": entry.values.get("text") if entry.is_event else None,
        "values": _finite(_shown_values(entry)),
    }


def _shown_values(entry: LogEntry) -> Mapping[str, Any]:
    if entry.kind == EPOCH:
        return shown_epoch(entry.values)
    if entry.kind == METRIC:
        return shown_metrics(entry.values)
    return {n: v for n, v in entry.values.items() if n != "text" or not entry.is_event}


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _finite(inner) for name, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, list) else value


def shown_metrics(metrics: Mapping[str, float | None]) -> dict[str, float | None]:
    """The metrics by their names in the API, such as ``val_loss``."""
    return {f"val_{name}": value for name, value in metrics.items()}
