"""Turns what the stages report into what the API shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from actors.core.flops import tflops
from actors.reports import StageReport


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


def session_history(
    report: StageReport, first_epoch_index: int, session_index: int
) -> list[dict[str, Any]]:
    """The last stage's epochs, counted on from the job's earlier sessions."""
    return [
        {
            "epoch": first_epoch_index + record.epoch,
            "session": session_index,
            "train_loss": record.train_loss,
            "val_loss": record.val_loss,
            "val_accuracy": record.val_accuracy,
            "samples_per_s": record.samples_per_s,
        }
        for record in report.epochs
    ]


def device_stats(report: StageReport) -> dict[str, Any]:
    """TFLOPs and seconds of one device; ``computing_s`` includes preparing the inputs."""
    seconds = report.seconds
    return {
        **device_tflops(report),
        "computing_s": seconds.load_s + seconds.forward_s + seconds.backward_s,
        "waiting_s": seconds.wait_s,
        "updating_s": seconds.update_s,
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
