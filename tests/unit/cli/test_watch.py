"""``tandem watch``: a job that runs, one that has ended, and none."""

from __future__ import annotations

import os
import signal

import pytest

from orchestrator.errors import JobNotFound
from tests.support.command_line import Tandem, events
from tests.support.fake_job_client import DETAILS
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
