"""What a device did: seconds told apart, TFLOPs, shares, bytes; of several generations."""

from __future__ import annotations

from dataclasses import replace

import pytest

from actors.core.stages.flops import tflops
from actors.core.stages.profiles import ComputeProfile, DeviceProfile, StageOverhead
from actors.loop.reports import DeviceUse, Progress, StageReport, StageSeconds
from orchestrator.jobs.figures.device_figures import (
    device_stats,
    device_tflops,
    peak_flops_per_s,
    sum_reports,
)


def report(forward_s: float = 0.5, backward_s: float = 4.0) -> StageReport:
    seconds = StageSeconds(
        load_s=1.0,
        forward_s=forward_s,
        backward_s=backward_s,
        update_s=8.0,
        wait_s=16.0,
        wire_s=32.0,
    )
    return StageReport(Progress(), (), (), seconds, 10**12, 3 * 10**12, max_held=3)


def profile(*rates: tuple[int, float]) -> DeviceProfile:
    """Of threads and the rate of products with them."""
    own, *more = (ComputeProfile(threads, rate, StageOverhead(), ()) for threads, rate in rates)
    return DeviceProfile(8, None, None, own, *more)


def test_tflops_are_flops_over_their_own_seconds() -> None:
    shown = device_tflops(report(forward_s=0.5, backward_s=4.0))
    assert shown == {"forward_tflops": 2.0, "backward_tflops": 0.75, "total_tflops": 2.75}
    assert list(shown) == ["forward_tflops", "backward_tflops", "total_tflops"]


def test_the_total_is_the_sum_to_the_last_bit() -> None:
    shown = device_tflops(report(forward_s=0.3, backward_s=0.7))
    assert shown["total_tflops"] == shown["forward_tflops"] + shown["backward_tflops"]


def test_no_measured_time_is_no_tflops() -> None:
    assert set(device_tflops(report(0.0, 0.0)).values()) == {0.0}
    assert tflops(10**12, -1e-9) == 0.0
    idle = replace(report(), seconds=StageSeconds())
    assert device_stats(idle, 1e12)["peak_share"] is None and device_stats(idle)["bubble"] == 0.0


def test_seconds_are_told_apart_by_what_they_were_for() -> None:
    shown = device_stats(report(forward_s=0.5, backward_s=4.0))
    parts = ("computing_s", "loading_s", "updating_s", "waiting_s", "wire_s")
    assert [shown[part] for part in parts] == [4.5, 1.0, 8.0, 16.0, 32.0]
    assert shown["max_activations_held"] == 3 and shown["total_tflops"] == 2.75
    assert shown["bubble"] == pytest.approx(48.0 / 61.5)


def test_the_share_of_the_peak_is_of_all_that_was_computed_in_its_seconds() -> None:
    shown = device_stats(report(forward_s=0.5, backward_s=1.5), peak_flops_per_s=8e12)
    assert shown["peak_share"] == pytest.approx(0.25)
    assert device_stats(report())["peak_share"] is None


def test_a_peak_is_that_of_as_many_threads() -> None:
    both = profile((1, 5e10), (8, 3e11))
    found = [peak_flops_per_s(both, threads) for threads in (1, 8, 2, None)]
    assert found == [5e10, 3e11, None, None]
    assert peak_flops_per_s(None, 1) is None and peak_flops_per_s(profile((1, 0.0)), 1) is None


def test_of_several_generations_the_last_known_interval_of_snapshots_is_shown() -> None:
    generations = [replace(report(), snapshot_interval_s=s) for s in (0.5, 27.0, None)]
    assert device_stats(sum_reports(generations))["snapshot_interval_s"] == 27.0
    assert device_stats(sum_reports(generations[2:]))["snapshot_interval_s"] is None


def test_of_several_generations_bytes_add_up_and_what_is_held_is_the_last() -> None:
    uses = [DeviceUse(10, 20, 300, 4.5), DeviceUse(1, 2, 100, None)]
    shown = device_stats(sum_reports([replace(report(), use=use) for use in uses]))
    assert (shown["bytes_sent"], shown["bytes_received"]) == (11, 22)
    assert (shown["memory_bytes"], shown["power_w"]) == (100, 4.5)
    nothing = device_stats(report())
    assert (nothing["bytes_sent"], nothing["memory_bytes"], nothing["power_w"]) == (0, None, None)
