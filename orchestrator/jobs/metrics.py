"""Turns what the stages report into what the API shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from actors.core.progress.records import EpochRecord
from actors.core.stages.flops import tflops
from actors.loop.reports import Progress, StageReport, StageSeconds


def session_progress(reports: Sequence[StageReport], epochs: int, steps: int) -> dict[str, Any]:
    """Progress as the last stage sees it, which knows the loss."""
    progress = reports[-1].progress
    return {
        "epoch": progress.epoch,
        "epochs": epochs,
        "step": progress.step,
        "steps": steps,
        "loss": progress.loss,
        "samples_per_s": progress.samples_per_s,
    }


def new_history(
    epochs: Sequence[EpochRecord], first_epoch_index: int, session_index: int
) -> list[dict[str, Any]]:
    """The epochs that the last stage reports, counted on from the job's earlier sessions, as the
    store keeps them."""
    return [
        {
            "epoch": first_epoch_index + record.epoch,
            "session": session_index,
            "train_loss": record.train_loss,
            "metrics": dict(record.metrics),
            "samples_per_s": record.samples_per_s,
        }
        for record in epochs
    ]


def shown_epoch(record: Mapping[str, Any]) -> dict[str, Any]:
    """An epoch of ``new_history`` as the API has it: metrics stand beside the rest."""
    rest = {name: value for name, value in record.items() if name != "metrics"}
    return {**rest, **shown_metrics(record["metrics"])}


def shown_metrics(metrics: Mapping[str, float | None]) -> dict[str, float | None]:
    """By the names that the API has for them, such as ``val_loss``."""
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
    """What a device did in several generations, in their order: all that was measured, steps done
    again too."""
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
