"""Turns reports of the stages into log entries and answers of the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from actors.core.progress.records import Untold
from actors.core.progress.session_length import SessionLength
from actors.core.stages.flops import tflops
from actors.loop.reports import Progress, StageReport, StageSeconds
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


def shown_event(entry: LogEntry) -> dict[str, Any]:
    """An event as the API shows it."""
    assert entry.at_ms is not None, "of events it was always noted"
    at = datetime.fromtimestamp(entry.at_ms / 1000, timezone.utc).isoformat(timespec="milliseconds")
    text = entry.values["text"]
    return {"index": entry.event_index, "at": at, "kind": entry.kind, "text": text}


def shown_metrics(metrics: Mapping[str, float | None]) -> dict[str, float | None]:
    """The metrics by their names in the API, such as ``val_loss``."""
    return {f"val_{name}": value for name, value in metrics.items()}


def device_stats(report: StageReport) -> dict[str, Any]:
    """TFLOPs and seconds of one device; ``computing_s`` includes preparing the inputs."""
    seconds = report.seconds
    return {
        **device_tflops(report),
        "computing_s": seconds.load_s + seconds.forward_s + seconds.backward_s,
        "waiting_s": seconds.wait_s,
        "updating_s": seconds.update_s,
        "snapshots_s": seconds.snapshot_s,
        "snapshot_interval_s": report.snapshot_interval_s,
        "max_activations_held": report.max_held,
    }


def device_tflops(report: StageReport) -> dict[str, float]:
    """FLOPs counted over seconds spent computing them, / 1e12; the total is the sum of both."""
    forward = tflops(report.forward_flops, report.seconds.forward_s)
    backward = tflops(report.backward_flops, report.seconds.backward_s)
    return {
        "forward_tflops": forward,
        "backward_tflops": backward,
        "total_tflops": forward + backward,
    }


def sum_reports(reports: Sequence[StageReport]) -> StageReport:
    """Sums up what a device did in several generations, given in order. Repeated steps count
    again."""
    seconds = StageSeconds(
        **{name: sum(getattr(r.seconds, name) for r in reports) for name in vars(StageSeconds())}
    )
    forward, backward = (
        sum(r.forward_flops for r in reports),
        sum(r.backward_flops for r in reports),
    )
    held = max((r.max_held for r in reports), default=0)
    intervals = [r.snapshot_interval_s for r in reports if r.snapshot_interval_s is not None]
    return StageReport(
        Progress(),
        (),
        (),
        seconds,
        forward,
        backward,
        held,
        snapshot_interval_s=intervals[-1] if intervals else None,
    )
