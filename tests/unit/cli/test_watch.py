"""``tandem watch``: a job that runs, one that has ended, and none."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from orchestrator.errors import JobNotFound, Unavailable
from tests.support.command_line import Tandem, events
from tests.support.fake_job_client import DETAILS, EVENTS
from tests.support.scripted_job_client import ScriptedJobClient, job_at, whole_session


def test_a_running_job_is_shown_to_its_end(tandem: Tandem, fake: ScriptedJobClient) -> None:
    fake.script = [{**DETAILS, "status": "initialized"}, *whole_session()]
    result = tandem("watch", "7")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("Job 7 is initialized.\nepoch 1: ")
    assert {name for name, _ in fake.calls} == {"get_job"}


@pytest.mark.parametrize("status", ["completed", "stopped"])
def test_a_job_that_has_ended_is_shown_as_it_ended(
    tandem: Tandem, fake: ScriptedJobClient, status: str
) -> None:
    fake.script = [job_at(2, 0, status)]
    result = tandem("watch", "7", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    told = events(result.stdout)
    assert told[0] == {"event": "watching", "job_id": "7", "status": status}
    assert [event["event"] for event in told[1:-1]] == ["epoch"] * 2 + ["progress"] + ["device"] * 2
    assert told[-1] == {"event": "ended", "status": status, "error": None}


def test_a_failed_job_is_a_failure(tandem: Tandem, fake: ScriptedJobClient) -> None:
    fake.script = [job_at(0, 0, "failed", error="device 2 is gone")]
    result = tandem("watch", "7")
    assert (result.exit_code, result.stderr) == (1, "tandem: Job 7 failed: device 2 is gone\n")


@pytest.mark.parametrize("job_id", ["9", "a/b", "..", "?", "ä #"])
def test_an_unknown_job_is_told_with_those_there_are(
    tandem: Tandem, fake: ScriptedJobClient, job_id: str
) -> None:
    fake.errors["get_job"] = JobNotFound("Job not found")
    result = tandem("watch", job_id)
    assert result.exit_code == 2
    assert result.stderr == f"tandem: The gateway has no job {job_id!r}; it has 1\n"
    fake.answers["list_jobs"] = []
    assert "it has none" in tandem("watch", job_id).stderr


def recovering(*waiting_for: str) -> Any:
    """A look at a job that waits for these devices."""
    recovery = {"num_failures": 1, "lost_steps": 0, "waiting_for": [*waiting_for]}
    return job_at(1, 2, "recovering", recovery={**recovery, "last_cause": "its node died"})


def test_a_job_that_recovers_is_watched_through_it(tandem: Tandem, fake: ScriptedJobClient) -> None:
    waiting = recovering("10.0.0.2:5001")
    fake.script = [job_at(1), job_at(1, 2), waiting, waiting, recovering(), job_at(1, 2)]
    fake.script.append(job_at(3, status="completed"))
    looks = list(fake.script)
    result = tandem("watch", "7")
    assert result.exit_code == 0
    told = [line for line in result.stdout.splitlines() if line.startswith("recovering")]
    why = EVENTS[-1]["text"]
    assert told == [f"recovering: waits for 10.0.0.2:5001 ({why})", f"recovering ({why})"]

    fake.script = looks
    told = [e for e in events(tandem("watch", "7", "--json").stdout) if e["event"] == "recovering"]
    assert [e["waiting_for"] for e in told] == [["10.0.0.2:5001"], []]
    assert told[0]["newest_event"] == why


def test_events_that_can_not_be_had_end_no_watching(
    tandem: Tandem, fake: ScriptedJobClient
) -> None:
    fake.script = [job_at(1), recovering("10.0.0.2:5001"), job_at(3, status="completed")]
    fake.errors["list_events"] = Unavailable("The JobManager is being started again")
    result = tandem("watch", "7")
    assert result.exit_code == 0
    assert "\nrecovering: waits for 10.0.0.2:5001\n" in result.stdout


def test_a_job_is_paused_and_resumed(tandem: Tandem, fake: ScriptedJobClient) -> None:
    paused = tandem("pause", "7")
    assert (paused.exit_code, paused.stderr) == (0, "")
    assert paused.stdout == "Job 7 stops at its next step; to go on: tandem resume 7\n"
    resumed = tandem("resume", "7")
    assert (resumed.exit_code, resumed.stdout) == (0, "Job 7 is training.\n")
    assert fake.calls == [("stop_job", ("7",)), ("resume_job", ("7",))]


def test_a_job_that_is_stopped_already_is_told_as_that(
    tandem: Tandem, fake: ScriptedJobClient
) -> None:
    fake.answers["stop_job"] = {"status": "stopped"}
    assert tandem("pause", "7").stdout == "Job 7 is stopped; to go on: tandem resume 7\n"


def test_a_resumed_job_is_watched_when_asked(tandem: Tandem, fake: ScriptedJobClient) -> None:
    fake.script = whole_session()
    result = tandem("resume", "7", "--watch")
    assert result.exit_code == 0
    assert fake.calls[0] == ("resume_job", ("7",)) and "Job 7 is completed." in result.stdout


def test_a_job_that_can_not_be_resumed_is_told(tandem: Tandem, fake: ScriptedJobClient) -> None:
    fake.errors["resume_job"] = JobNotFound("Job not found")
    result = tandem("resume", "7", "--watch")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "tandem: The gateway has no job '7'; it has 1\n"


@pytest.mark.parametrize(
    ("command", "method"),
    [("pause", "stop_job"), ("plan", "plan"), ("verify", "verify"), ("watch", "get_job")],
)
def test_every_command_about_a_job_that_is_not_there_names_those_that_are(
    tandem: Tandem, fake: ScriptedJobClient, command: str, method: str
) -> None:
    fake.errors[method] = JobNotFound("Job not found")
    result = tandem(command, "9")
    assert result.exit_code == 2
    assert result.stderr == "tandem: The gateway has no job '9'; it has 1\n"


def test_an_id_with_a_slash_is_no_job(tandem: Tandem, fake: ScriptedJobClient) -> None:
    result = tandem("watch", "1/model")
    assert (result.exit_code, fake.names()) == (2, ["list_jobs"])
    assert "no job '1/model'; it has 1" in result.stderr


def test_what_else_is_not_found_of_a_job_that_is_there_is_told_as_it_is(
    tandem: Tandem, fake: ScriptedJobClient
) -> None:
    fake.errors["verify"] = JobNotFound("Step 99 is not on record")
    assert tandem("verify", "1").stderr == "tandem: Step 99 is not on record\n"


def test_ctrl_c_ends_the_watching_alone(tandem: Tandem, fake: ScriptedJobClient) -> None:
    fake.script = [job_at(0), job_at(0, 1)]
    looks = iter(range(100))
    fake.hooks["get_job"] = lambda: (
        os.kill(os.getpid(), signal.SIGINT) if next(looks) == 3 else None
    )
    result = tandem("watch", "7")
    assert result.exit_code == 130
    assert result.stderr == "tandem: Job 7 goes on without being watched\n"
    assert {name for name, _ in fake.calls} == {"get_job"}


def test_epochs_are_shown_anew_when_the_job_is_initialized_anew(
    tandem: Tandem, fake: ScriptedJobClient
) -> None:
    fake.script = [job_at(2), job_at(2), job_at(0), job_at(1, status="completed")]
    told = events(tandem("watch", "7", "--json").stdout)
    assert [event["epoch"] for event in told if event["event"] == "epoch"] == [1, 2, 1]
