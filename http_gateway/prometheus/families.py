"""What the JobManager tells of its jobs, as Prometheus has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

JOB_GAUGES = {
    "loss": ("tandem_job_loss", "Loss of the last step"),
    "epoch": ("tandem_job_epoch", "Epoch of the last session, from 1"),
    "step": ("tandem_job_step", "Step of that epoch, from 1"),
    "samples_per_s": ("tandem_job_samples_per_second", "Samples trained a second in that epoch"),
    "failures": ("tandem_job_failures", "Failures that the last session has survived"),
    "lost_steps": ("tandem_job_lost_steps", "Steps that it has done again after them"),
}
DEVICE_GAUGES = {
    "memory_bytes": ("tandem_device_memory_bytes", "Memory of the device's process"),
    "peak_share": ("tandem_device_peak_share", "TFLOPs as a share of what was probed"),
    "bubble": ("tandem_device_bubble", "Share of waiting in the device's time"),
    "power_w": ("tandem_device_power_watts", "Power that the device takes"),
    "max_activations_held": (
        "tandem_device_max_activations_held",
        "Largest number of microbatches held",
    ),
}
TFLOPS = {"forward_tflops": "forward", "backward_tflops": "backward", "total_tflops": "total"}
SECONDS = {
    "computing_s": "computing",
    "waiting_s": "waiting",
    "wire_s": "wire",
    "updating_s": "updating",
    "loading_s": "loading",
    "snapshots_s": "snapshots",
}
BYTES = {"bytes_sent": "sent", "bytes_received": "received"}

Figures = Mapping[str, Any]


def families(figures: Figures | None) -> Iterator[Metric]:
    """``figures`` are None if the JobManager does not answer. What is not known has no sample."""
    yield GaugeMetricFamily(
        "tandem_up", "Whether the JobManager answers", value=float(figures is not None)
    )
    if figures is None:
        return
    counts = GaugeMetricFamily("tandem_jobs", "Jobs by status")
    for status, count in figures["jobs_by_status"].items():
        _add(counts, {"status": status}, count)
    yield counts
    jobs = figures["jobs"]
    status_of = GaugeMetricFamily("tandem_job_status", "1 for the status that a job has")
    for job in jobs:
        _add(status_of, {"job_id": job["job_id"], "status": job["status"]}, 1.0)
    yield status_of
    yield from _gauges(JOB_GAUGES, [({"job_id": job["job_id"]}, job) for job in jobs])
    yield from _of_devices(
        [
            ({"job_id": job["job_id"], "device_id": device_id}, stats)
            for job in jobs
            for device_id, stats in job["devices"].items()
        ]
    )


def _of_devices(devices: list[tuple[dict[str, str], Figures]]) -> Iterator[Metric]:
    """Seconds and bytes are totals of the last session: they begin anew with the next one."""
    tflops = GaugeMetricFamily("tandem_device_tflops", "FLOPs counted over seconds, / 1e12")
    seconds = CounterMetricFamily("tandem_device_seconds", "What the device's time was spent on")
    sent = CounterMetricFamily("tandem_device_bytes", "Bytes of messages")
    for labels, stats in devices:
        for family, label, names in (
            (tflops, "pass", TFLOPS),
            (seconds, "kind", SECONDS),
            (sent, "direction", BYTES),
        ):
            for name, value in names.items():
                _add(family, {**labels, label: value}, stats.get(name))
    yield from (tflops, seconds, sent)
    yield from _gauges(DEVICE_GAUGES, devices)


def _gauges(
    named: Mapping[str, tuple[str, str]], told: list[tuple[dict[str, str], Figures]]
) -> Iterator[Metric]:
    for field, (name, about) in named.items():
        family = GaugeMetricFamily(name, about)
        for labels, figures in told:
            _add(family, labels, figures.get(field))
        yield family


def _add(family: Metric, labels: dict[str, str], value: float | None) -> None:
    if value is not None:
        suffix = "_total" if family.type == "counter" else ""
        family.add_sample(family.name + suffix, labels, float(value))
