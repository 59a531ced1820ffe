from __future__ import annotations

import io
import json

from rich.console import Console

from actors.core.errors import TandemError
from http_gateway.cli.jobs.plan_command import plan_table
from orchestrator.errors import IllegalTransition
from tests.support.command_line import Tandem
from tests.support.plans import MEASURED, PLAN
from tests.support.scripted_job_client import ScriptedJobClient


def test_a_plan_is_shown_as_a_table_with_its_verdict(
    tandem: Tandem, fake: ScriptedJobClient
) -> None:
    done = tandem("plan", "7", "--schedule", "auto", "--microbatches", "4", "--threads", "2")
    assert done.exit_code == 0
    assert ("plan", ("7", {"schedule": "auto", "num_microbatches": 4, "threads": 2})) in fake.calls
    assert "[0, 1)" in done.stdout and "[1, 3)" in done.stdout and "9.0 ms" in done.stdout
    assert "a step should take 12.0 ms" in done.stdout
    assert PLAN["verdict"]["text"].split(" (")[0] in " ".join(done.stdout.split())


def test_auto_is_passed_on(tandem: Tandem, fake: ScriptedJobClient) -> None:
    assert tandem("plan", "7", "--microbatches", "auto").exit_code == 0
    assert ("plan", ("7", {"num_microbatches": "auto"})) in fake.calls


def test_another_wire_is_asked_for_and_shown(tandem: Tandem, fake: ScriptedJobClient) -> None:
    done = tandem("plan", "7", "--wire", "int8")
    assert ("plan", ("7", {"wire": "int8"})) in fake.calls
    assert f"wire {PLAN['wire']}:" in done.stdout


def test_the_plan_in_force_is_shown_with_what_was_measured(
    tandem: Tandem, fake: ScriptedJobClient
) -> None:
    done = tandem("plan", "7", "--in-force")
    assert ("get_plan", ("7",)) in fake.calls
    assert "Measured: 12.5 ms a step; the prediction was off by -4%." in done.stdout


def test_json_is_what_the_api_answers(tandem: Tandem) -> None:
    done = tandem("plan", "7", "--in-force", "--json")
    assert json.loads(done.stdout) == {**PLAN, "measured": MEASURED}


def test_a_refusal_is_one_sentence(tandem: Tandem, fake: ScriptedJobClient) -> None:
    error: TandemError = IllegalTransition("Job 7 is training")
    fake.errors["plan"] = error
    done = tandem("plan", "7")
    assert done.exit_code == 1 and done.stderr.strip() == "tandem: Job 7 is training"


def test_a_plan_fits_a_terminal_of_80_columns() -> None:
    device = PLAN["devices"][0]
    wide = {**device, "layers": [100, 1000], "memory": {"needed_bytes": 9e8, "limit_bytes": 1e12}}
    console = Console(width=80, file=io.StringIO())
    console.print(plan_table({**PLAN, "devices": [wide]}))
    assert isinstance(console.file, io.StringIO)
    assert "…" not in console.file.getvalue() and "1,000.0 GB" in console.file.getvalue()
