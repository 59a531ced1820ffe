"""What a device did in a session: how fast it computed, and what its time went into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from actors.core.stages.flops import tflops
from actors.core.stages.profiles import DeviceProfile
from actors.loop.reports import DeviceUse, Progress, StageReport, StageSeconds


def device_stats(report: StageReport, peak_flops_per_s: float | None = None) -> dict[str, Any]:
    """As ``GET /api/jobs/<job_id>`` shows it. ``peak_share`` is how much of the device's best rate
    it reached while it computed; the best rate is that of large matrix products, as probed.

    ``bubble`` is the share of its time in training steps in which it neither computed nor updated,
    as in a plan.
    """
    seconds = report.seconds
    computing_s = seconds.forward_s + seconds.backward_s
    busy_s = seconds.load_s + computing_s + seconds.update_s
    total_s = busy_s + seconds.wait_s + seconds.wire_s
    rate = (report.forward_flops + report.backward_flops) / computing_s if computing_s else 0.0
    return {
        **device_tflops(report),
        "peak_share": rate / peak_flops_per_s if peak_flops_per_s and rate else None,
        "computing_s": computing_s,
        "waiting_s": seconds.wait_s,
        "wire_s": seconds.wire_s,
        "updating_s": seconds.update_s,
        "loading_s": seconds.load_s,
        "snapshots_s": seconds.snapshot_s,
        "bubble": 1 - busy_s / total_s if total_s else 0.0,
        "bytes_sent": report.use.bytes_sent,
        "bytes_received": report.use.bytes_received,
        "memory_bytes": report.use.memory_bytes,
        "power_w": report.use.power_w,
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


def peak_flops_per_s(profile: DeviceProfile | None, threads: int | None) -> float | None:
    """With that many threads; None if that was not measured."""
    known = () if profile is None else (profile.own, profile.all_cores)
    rates = [p.matmul_flops_per_s for p in known if p is not None and p.threads == threads]
    return rates[0] if rates and rates[0] > 0 else None


def sum_reports(reports: Sequence[StageReport]) -> StageReport:
    """What a device did in several generations, in their order: all that was measured, steps done
    again too. What it holds and draws is the last that is known."""
    seconds = StageSeconds(
        **{name: sum(getattr(r.seconds, name) for r in reports) for name in vars(StageSeconds())}
    )
    use = DeviceUse(
        sum(r.use.bytes_sent for r in reports),
        sum(r.use.bytes_received for r in reports),
        _last([r.use.memory_bytes for r in reports]),
        _last([r.use.power_w for r in reports]),
    )
    return StageReport(
        Progress(),
        (),
        (),
        seconds,
        sum(r.forward_flops for r in reports),
        sum(r.backward_flops for r in reports),
        max((r.max_held for r in reports), default=0),
        snapshot_interval_s=_last([r.snapshot_interval_s for r in reports]),
        use=use,
    )


def _last(values: Sequence[Any]) -> Any:
    return next((value for value in reversed(values) if value is not None), None)
