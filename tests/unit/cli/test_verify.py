from __future__ import annotations

import json

from actors.core.errors import TandemError
from orchestrator.errors import IllegalTransition
from tests.support.command_line import Tandem
from tests.support.fake_job_client import VERIFIED
from tests.support.scripted_job_client import ScriptedJobClient

UNEQUAL = {
    **VERIFIED,
    "equal": False,
    "reason": ["CPU: layers [0, 3) were trained on that, and replayed on this"],
    "message": "The first 20 steps gave other losses.",
}


def test_equal_ends_with_0(tandem: Tandem, fake: ScriptedJobClient) -> None:
    done = tandem("verify", "7")
    assert done.exit_code == 0 and ("verify", ("7",)) in fake.calls
    assert done.stdout == "Job 1: equal.\nThe first 46 steps gave the same losses, bit for bit.\n"


def test_unequal_ends_with_1_and_says_why(tandem: Tandem, fake: ScriptedJobClient) -> None:
    fake.answers["verify"] = UNEQUAL
    done = tandem("verify", "7", "--steps", "20")
    assert done.exit_code == 1 and ("verify", ("7", 20)) in fake.calls
    assert done.stdout.startswith("Job 1: NOT EQUAL.\nThe first 20 steps gave other losses.\n")
    assert "Reason: CPU: layers [0, 3)" in done.stdout


def test_a_lossy_wire_is_told_apart_from_an_error(tandem: Tandem, fake: ScriptedJobClient) -> None:
    fake.answers["verify"] = {**UNEQUAL, "equality_expected": False}
    done = tandem("verify", "7")
    assert done.exit_code == 1
    assert "not equal" in done.stdout and "NOT EQUAL" not in done.stdout


def test_json_is_what_the_api_answers(tandem: Tandem, fake: ScriptedJobClient) -> None:
    fake.answers["verify"] = UNEQUAL
    done = tandem("verify", "7", "--json")
    assert done.exit_code == 1 and json.loads(done.stdout) == UNEQUAL


def test_a_refusal_is_one_sentence_and_ends_with_2(tandem: Tandem, fake: ScriptedJobClient) -> None:
    error: TandemError = IllegalTransition("Job 7 is training")
    fake.errors["verify"] = error
    done = tandem("verify", "7")
    assert done.exit_code == 2 and done.stderr.strip() == "tandem: Job 7 is training"
