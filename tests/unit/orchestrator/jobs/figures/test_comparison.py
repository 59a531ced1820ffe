from __future__ import annotations

from typing import Any

from orchestrator.jobs.figures.comparison import comparison

SGD = {"type": "SGD", "momentum": 0.0}


def job(job_id: str, seed: int = 0, **train: Any) -> dict[str, Any]:
    return {
        "job_id": job_id,
        "status": "completed",
        "model_config": {"layer_sizes": [64, 10], "seed": seed},
        "dataset_config": {"name": "digits"},
        "task": {"type": "classification"},
        "plan": {"schedule": "1f1b", "train_config": {"optimizer": SGD, "epochs": 3, **train}},
        "history": [],
        "num_epochs": 0,
        "layers": {"1": [0, 1], "2": [1, 2]},
    }


UNTRAINED = {**job("5", seed=1), "plan": None, "layers": {}}


def test_only_what_differs_is_told_with_each_job_s_value() -> None:
    told = comparison([job("3"), job("4", learning_rate=0.01)], {})
    assert told["jobs"] == ["3", "4"]
    assert told["differences"] == {"train_config.learning_rate": {"4": 0.01}}
    told = comparison([job("3"), job("4"), UNTRAINED], {})
    assert told["differences"]["model_config.seed"] == {"3": 0, "4": 0, "5": 1}
    assert told["differences"]["train_config.optimizer"] == {"3": SGD, "4": SGD}


def test_results_are_those_of_the_last_epoch_and_speed_leaves_the_first_one_out() -> None:
    history = [
        {"epoch": n, "session": s, "train_loss": 1.0, "val_loss": 2.0, "samples_per_s": rate}
        for n, s, rate in [(1, 1, 1.0), (2, 2, 5.0), (3, 2, 80.0), (4, 2, 90.0), (5, 2, 70.0)]
    ]
    trained = {**job("3"), "history": history, "num_epochs": 5}
    told = comparison([trained], {"3": {"measured": {"step_s": 0.0125}}})
    assert told["results"]["3"] == {
        "status": "completed",
        "epochs": 5,
        "metrics": {"train_loss": 1.0, "val_loss": 2.0},
        "samples_per_s": 80.0,
        "step_ms": 12.5,
        "layers": [[0, 1], [1, 2]],
    }


def test_what_a_job_does_not_have_is_none() -> None:
    result = comparison([UNTRAINED], {"5": {"measured": None}})["results"]["5"]
    assert (result["samples_per_s"], result["step_ms"]) == (None, None)
    assert (result["metrics"], result["layers"]) == ({}, [])


def test_what_a_job_survives_and_keeps_may_differ_too() -> None:
    jobs = [
        {**job(job_id), "failure_policy": {"max_failures": n}, "checkpoints": {}}
        for job_id, n in (("3", 1), ("4", 2))
    ]
    told = comparison(jobs, {})
    assert told["differences"] == {"failure_policy.max_failures": {"3": 1, "4": 2}}


def test_fields_of_a_section_stand_together_whichever_job_has_them() -> None:
    other = {**job("4", learning_rate=0.01), "model_config": {"architecture": "cnn"}}
    names = list(comparison([job("3"), other], {})["differences"])
    assert names == [
        "model_config.layer_sizes",
        "model_config.seed",
        "model_config.architecture",
        "train_config.learning_rate",
    ]
