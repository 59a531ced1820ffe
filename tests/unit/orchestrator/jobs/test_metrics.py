from __future__ import annotations

from actors.core.progress.records import EpochRecord, TrainedStep, Untold
from actors.core.progress.session_length import SessionLength
from actors.loop.reports import Progress, StageReport, StageSeconds
from orchestrator.jobs.metrics import session_progress, shown_epoch, told_results

PROGRESS = Progress(epoch=2, step=7, loss=0.5, samples_per_s=123.0)
EPOCHS = (
    EpochRecord(1, 2.0, {"loss": 1.9, "r2": 0.5}, 100.0),
    EpochRecord(2, 1.0, {"loss": 1.1, "r2": None}, 110.0),
)


def test_progress_is_the_last_stages() -> None:
    first = StageReport(Progress(epoch=2, step=9), (), (), StageSeconds(), 0, 0, 0)
    last = StageReport(PROGRESS, EPOCHS, (), StageSeconds(), 0, 0, 0)
    assert session_progress([first, last], epochs=5, steps=23) == {
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
