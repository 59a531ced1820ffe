from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.errors import JobNotFound
from tests.support.command_line import Tandem
from tests.support.scripted_job_client import ScriptedJobClient

METRICS = {"train_loss": 0.31, "val_loss": 0.28, "val_accuracy": 0.9667}
TRAINED = {
    "status": "completed",
    "epochs": 3,
    "metrics": METRICS,
    "samples_per_s": 1_630.4,
    "step_ms": 12.5,
    "layers": [[0, 2], [2, 3]],
}
CREATED: dict[str, Any] = {
    "status": "created",
    "epochs": 0,
    "metrics": {},
    "samples_per_s": None,
    "step_ms": None,
    "layers": [],
}
TOLD: dict[str, Any] = {
    "jobs": ["3", "5"],
    "differences": {"train_config.learning_rate": {"3": 0.01}},
    "results": {"3": TRAINED, "5": CREATED},
}


@pytest.fixture(autouse=True)
def answers(fake: ScriptedJobClient) -> None:
    fake.answers["compare_jobs"] = TOLD


def test_jobs_stand_side_by_side(tandem: Tandem, fake: ScriptedJobClient) -> None:
    done = tandem("compare", "3", "5")
    assert (done.exit_code, done.stderr) == (0, "")
    assert fake.calls == [("compare_jobs", ("3,5",))]
    lines = {line.strip().split("  ")[0]: line.split() for line in done.stdout.splitlines()}
    assert lines["train_config.learning_rate"][1:] == ["0.01", "–"]
    assert lines["status"][1:] == ["completed", "created"]
    assert lines["epochs"][1:] == ["3", "0"]
    assert lines["validation accuracy"][2:] == ["96.67%", "–"]
    assert lines["samples/s"][1:] == ["1,630", "–"]
    assert lines["step, ms"][2:] == ["12.5", "–"]
    assert lines["layers"][1:] == ["[0,", "2)", "[2,", "3)", "–"]


def test_json_has_the_same_for_programs(tandem: Tandem) -> None:
    assert json.loads(tandem("compare", "3", "5", "--json").stdout) == TOLD


def test_equal_jobs_are_told_so(tandem: Tandem, fake: ScriptedJobClient) -> None:
    alike = {"differences": {}, "jobs": ["3"], "results": {"3": TRAINED}}
    fake.answers["compare_jobs"] = alike
    assert "configured alike" in tandem("compare", "3", "3").stdout


def test_a_job_that_there_is_not_ends_the_command(tandem: Tandem, fake: ScriptedJobClient) -> None:
    fake.errors["compare_jobs"] = JobNotFound("There is no job 9")
    done = tandem("compare", "3", "9")
    assert (done.exit_code, done.stdout) == (2, "") and "There is no job 9" in done.stderr
