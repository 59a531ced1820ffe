from __future__ import annotations

from dataclasses import replace

from actors.core.progress.records import EpochRecord, TrainedStep, Untold
from actors.core.progress.session_length import SessionLength
from actors.core.stages.flops import tflops
from actors.loop.reports import Progress, StageReport, StageSeconds
from orchestrator.jobs.metrics import (
    device_stats,
    device_tflops,
    session_progress,
    shown_epoch,
    sum_reports,
    told_results,
)

PROGRESS = Progress(epoch=2, step=7, loss=0.5, samples_per_s=123.0)
EPOCHS = (
    EpochRecord(1, 2.0, {"loss": 1.9, "r2": 0.5}, 100.0),
    EpochRecord(2, 1.0, {"loss": 1.1, "r2": None}, 110.0),
)


def report(forward_s: float = 0.5, backward_s: float = 4.0) -> StageReport:
    seconds = StageSeconds(
        load_s=1.0, forward_s=forward_s, backward_s=backward_s, update_s=8.0, wait_s=16.0
    )
    return StageReport(PROGRESS, EPOCHS, (), seconds, 10**12, 3 * 10**12, max_held=3)


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


def test_seconds_are_told_apart_by_what_they_were_for() -> None:
    shown = device_stats(report(forward_s=0.5, backward_s=4.0))
    assert (shown["computing_s"], shown["waiting_s"], shown["updating_s"]) == (5.5, 16.0, 8.0)
    assert shown["max_activations_held"] == 3 and shown["total_tflops"] == 2.75


def test_of_several_generations_the_last_known_interval_of_snapshots_is_shown() -> None:
    generations = [replace(report(), snapshot_interval_s=s) for s in (0.5, 27.0, None)]
    assert device_stats(sum_reports(generations))["snapshot_interval_s"] == 27.0
    assert device_stats(sum_reports(generations[2:]))["snapshot_interval_s"] is None


def test_progress_is_the_last_stages() -> None:
    first = StageReport(Progress(epoch=2, step=9), (), (), StageSeconds(), 0, 0, 0)
    assert session_progress([first, report()], epochs=5, steps=23) == {
        "epoch": 2,
        "epochs": 5,
        "step": 7,
        "steps": 23,
        "loss": 0.5,
        "samples_per_s": 123.0,
    }


def test_epochs_count_on_over_a_jobs_sessions() -> None:
    told = told_results(Untold(EPOCHS), 4, 2, SessionLength(3, 2, max_steps=5))
    assert [entry.place for entry in told] == [(5, 3), (6, 2)]
    assert told[1].values == {
        "session": 2,
        "train_loss": 1.0,
        "metrics": {"loss": 1.1, "r2": None},
        "samples_per_s": 110.0,
    }


def test_a_validation_within_an_epoch_is_told_beside_its_step() -> None:
    steps = (TrainedStep(1, 1, 0.5), TrainedStep(1, 2, 0.25, {"loss": 0.125}))
    told = told_results(Untold(steps=steps), 4, 2, SessionLength(3, 2))
    assert [(e.kind, e.place, e.values) for e in told] == [
        ("step", (5, 1), {"loss": 0.5}),
        ("step", (5, 2), {"loss": 0.25}),
        ("metric", (5, 2), {"loss": 0.125}),
    ]


def test_the_api_shows_metrics_beside_the_training_loss() -> None:
    (_, told) = told_results(Untold(EPOCHS), 0, 1, SessionLength(3, 2))
    assert shown_epoch({"epoch": told.epoch, **told.values}) == {
        "epoch": 2,
        "session": 1,
        "train_loss": 1.0,
        "val_loss": 1.1,
        "val_r2": None,
        "samples_per_s": 110.0,
    }
