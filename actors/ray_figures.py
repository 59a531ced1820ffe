"""A stage's figures in Ray's own metrics: Ray's dashboard and its Prometheus have them as
``ray_tandem_…``, from the node that computes."""

from __future__ import annotations

import threading
import time

from ray.util.metrics import Counter, Gauge

from actors.background import Rounds
from actors.core.stages.flops import tflops
from actors.core.stages.specs import StageLabels
from actors.loop.reports import StageReport, StageSeconds

TOLD_EACH_S = 1.0
"""Ray itself sends them on every few seconds."""
OF_DEVICE = ("job_id", "device_id")
KINDS = {
    "load_s": "loading",
    "forward_s": "forward",
    "backward_s": "backward",
    "update_s": "updating",
    "wait_s": "waiting",
    "wire_s": "wire",
    "snapshot_s": "snapshots",
}


class RayFigures:
    """Of one run of a stage; ``is_last`` says that the stage knows the loss."""

    def __init__(self, labels: StageLabels, is_last: bool) -> None:
        self._tags = {"job_id": labels.job_id, "device_id": str(labels.device_id)}
        self._is_last = is_last
        self._told_s = float("-inf")
        self._told = StageSeconds()
        self._lock = threading.Lock()
        self._rounds = Rounds("The stage's part in Ray's metrics")
        self._seconds = Counter(
            "tandem_device_seconds", "What the device's time was spent on", (*OF_DEVICE, "kind")
        )
        self._tflops = Gauge(
            "tandem_device_tflops", "FLOPs counted over seconds, / 1e12", (*OF_DEVICE, "pass")
        )
        self._epoch = Gauge("tandem_job_epoch", "Epoch of the session, from 1", OF_DEVICE)
        self._step = Gauge("tandem_job_step", "Step of that epoch, from 1", OF_DEVICE)
        self._loss = Gauge("tandem_job_loss", "Loss of the last step", OF_DEVICE)
        self._rate = Gauge("tandem_job_samples_per_second", "Samples trained a second", OF_DEVICE)

    def tell(self, report: StageReport, at_once: bool = False) -> None:
        """What the report has; not more often than each second, unless ``at_once``."""
        with self._lock, self._rounds.round():
            now_s = time.monotonic()
            if now_s - self._told_s >= TOLD_EACH_S or at_once:
                self._told_s = now_s
                self._tell_seconds(report.seconds)
                self._tell_tflops(report)
                if self._is_last:
                    self._tell_progress(report)

    def _tell_tflops(self, report: StageReport) -> None:
        for part, flops, took_s in (
            ("forward", report.forward_flops, report.seconds.forward_s),
            ("backward", report.backward_flops, report.seconds.backward_s),
        ):
            self._tflops.set(tflops(flops, took_s), {**self._tags, "pass": part})

    def _tell_seconds(self, seconds: StageSeconds) -> None:
        for name, kind in KINDS.items():
            more = getattr(seconds, name) - getattr(self._told, name)
            if more > 0:  # Ray's counters take nothing else
                self._seconds.inc(more, {**self._tags, "kind": kind})
        self._told = seconds

    def _tell_progress(self, report: StageReport) -> None:
        progress = report.progress
        self._epoch.set(progress.epoch, self._tags)
        self._step.set(progress.step, self._tags)
        self._loss.set(progress.loss, self._tags)
        self._rate.set(progress.samples_per_s, self._tags)
