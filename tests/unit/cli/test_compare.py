from __future__ import annotations

import json
from typing import Any

import pytest

from http_gateway.cli.runs.comparison import comparison
from orchestrator.errors import IllegalTransition
from tests.support.command_line import Tandem
from tests.support.logs import part_of
from tests.support.plans import MEASURED, PLAN
from tests.support.scripted_job_client import ScriptedJobClient, job_at

SGD = {"type": "SGD", "momentum": 0.0}


def job(job_id: str, epochs: int = 3, seed: int = 0, **train: Any) -> dict[str, Any]:
    trained = {"optimizer": SGD, "epochs": 3, **train}
    return {
        **job_at(epochs, status="completed"),
        "job_id": job_id,
        "num_epochs": epochs,
        "model_config": {"layer_sizes": [64, 10], "seed": seed},
        "plan": {"schedule": "1f1b", "train_config": trained},
    }


JOBS = {
    "3": job("3"),
    "4": job("4", epochs=2, learning_rate=0.01),
    "5": {**job("5", seed=1), "plan": None, "history": [], "num_epochs": 0, "layers": {}},
}


@pytest.fixture(autouse=True)
def answers(fake: ScriptedJobClient) -> None:
    def get_job(job_id: str, after_epoch: int | None, history_limit: int) -> Any:
        own = JOBS[job_id]
        return {**own, "history": part_of(own["history"], after_epoch, history_limit)}

    def get_plan(job_id: str) -> Any:
        if job_id == "5":
            raise IllegalTransition("Job 5 is created: initialize it first")
        return {**PLAN, "measured": {**MEASURED, "step_s": 0.0125}}

    fake.answers.update(get_job=get_job, get_plan=get_plan)


def test_only_what_differs_is_told_with_each_job_s_value() -> None:
    told = comparison([JOBS["3"], JOBS["4"]], {})
    assert told["differences"] == {"train_config.learning_rate": {"4": 0.01}}
    told = comparison(list(JOBS.values()), {})
    assert told["differences"]["model_config.seed"] == {"3": 0, "4": 0, "5": 1}
    assert told["differences"]["train_config.optimizer"] == {"3": SGD, "4": SGD}


def test_what_a_job_survives_and_keeps_may_differ_too() -> None:
    jobs = [
        {**JOBS["3"], "job_id": job_id, "failure_policy": {"max_failures": n}, "checkpoints": {}}
        for job_id, n in (("3", 1), ("4", 2))
    ]
    told = comparison(jobs, {})
    assert told["differences"] == {"failure_policy.max_failures": {"3": 1, "4": 2}}


def test_results_are_those_of_the_last_epoch_and_speed_leaves_the_first_one_out() -> None:
    history = [
        {"epoch": n, "session": s, "train_loss": 1.0, "val_loss": 2.0, "samples_per_s": rate}
        for n, s, rate in [(1, 1, 1.0), (2, 2, 5.0), (3, 2, 80.0), (4, 2, 90.0), (5, 2, 70.0)]
    ]
    told = comparison([{**JOBS["3"], "history": history, "num_epochs": 5}], {})
    result = told["results"]["3"]
    assert result["metrics"] == {"train_loss": 1.0, "val_loss": 2.0}
    assert (result["samples_per_s"], result["step_ms"], result["epochs"]) == (80.0, None, 5)


def test_jobs_stand_side_by_side(tandem: Tandem) -> None:
    done = tandem("compare", "3", "4", "5")
    assert (done.exit_code, done.stderr) == (0, "")
    lines = {line.strip().split("  ")[0]: line for line in done.stdout.splitlines()}
    assert lines["train_config.learning_rate"].split() == [
        "train_config.learning_rate",
        "–",
        "0.01",
        "–",
    ]
    assert lines["status"].split() == ["status", *["completed"] * 3]
    assert lines["epochs"].split() == ["epochs", "3", "2", "0"]
    assert lines["validation accuracy"].split()[2:] == ["96.67%", "95.00%", "–"]
    assert lines["step, ms"].split()[2:] == ["12.5", "12.5", "–"]
    assert "[0, 2) [2, 3)" in lines["layers"]


def test_json_has_the_same_for_programs(tandem: Tandem) -> None:
    told = json.loads(tandem("compare", "3", "4", "--json").stdout)
    assert told["jobs"] == ["3", "4"]
    assert told["results"]["4"]["epochs"] == 2
    assert told["results"]["4"]["layers"] == [[0, 2], [2, 3]]


def test_equal_jobs_are_told_so(tandem: Tandem) -> None:
    assert "configured alike" in tandem("compare", "3", "3").stdout
