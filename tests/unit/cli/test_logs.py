"""``tandem logs`` and ``tandem top``: what happened to a job, and what goes on everywhere."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from rich.console import Console

from http_gateway.cli.jobs.log_command import entry_text
from http_gateway.cli.jobs.top_command import _Picture
from http_gateway.client import TandemClient
from orchestrator.errors import JobNotFound
from tests.support.command_line import Tandem, events
from tests.support.fake_job_client import DEVICE, EVENTS, SUMMARY
from tests.support.scripted_job_client import ScriptedJobClient, job_at


def test_what_happened_is_told_a_line_each(tandem: Tandem, fake: ScriptedJobClient) -> None:
    result = tandem("logs", "7", "-n", "5")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert [line.split("  ")[1].strip() for line in lines] == ["initialized", "lost"]
    assert lines[-1].endswith(EVENTS[-1]["text"])
    assert fake.calls == [("list_events", ("7", None, 5, None))]


def test_kinds_are_chosen_and_programs_get_json(tandem: Tandem, fake: ScriptedJobClient) -> None:
    result = tandem("logs", "7", "--kinds", "status,lost", "--json")
    assert events(result.stdout) == EVENTS
    assert fake.calls == [("list_events", ("7", None, 100, "status,lost"))]
    result = tandem("logs", "7", "--kinds", "a b")
    assert result.exit_code == 1 and "kinds is" in result.stderr


def test_what_comes_next_is_followed_until_the_job_is_gone(
    tandem: Tandem, fake: ScriptedJobClient
) -> None:
    looks = iter(range(1_000))

    def look() -> None:
        if next(looks) == 5:
            fake.deleted.add("7")

    fake.hooks["read_log"] = look
    result = tandem("logs", "7", "-f", "--kinds", "status", "--json")
    assert result.exit_code == 2 and "no job '7'" in result.stderr
    told = [json.loads(line)["seq"] for line in result.stdout.splitlines()]
    first = EVENTS[-1]["seq"] + 9
    assert told[: len(EVENTS)] == [entry["seq"] for entry in EVENTS]
    assert len(told) > len(EVENTS) and told[len(EVENTS) :] == list(
        range(first, first + len(told) - len(EVENTS))
    )


def test_an_unknown_job_has_no_log(tandem: Tandem, fake: ScriptedJobClient) -> None:
    fake.errors["list_events"] = JobNotFound("Job not found")
    assert tandem("logs", "9").exit_code == 2


@pytest.mark.parametrize(
    ("changes", "ending"),
    [
        (
            {"kind": "step", "epoch": 2, "step": 7, "values": {"loss": 0.5}},
            "epoch 2, step 7: loss 0.5",
        ),
        ({"text": "Device 2 is gone", "kind": "lost"}, "lost              Device 2 is gone"),
        ({"at": None, "kind": "status", "values": {"status": "failed"}}, "status failed"),
        ({"kind": "rolled_back", "values": {}}, "rolled_back"),
    ],
)
def test_an_entry_is_a_line(changes: dict[str, Any], ending: str) -> None:
    usual = {"at": "2026-01-02T03:04:09.000+00:00", "epoch": None, "step": None, "text": None}
    text = entry_text({**usual, "values": {}, **changes})
    assert text.endswith(ending) and "\n" not in text


def test_jobs_and_devices_are_shown_at_once(tandem: Tandem, fake: ScriptedJobClient) -> None:
    training = {**SUMMARY, "job_id": "2", "status": "training", "devices": 2}
    fake.answers["list_jobs"] = [SUMMARY, training]
    fake.script = [job_at(1, 2)]
    result = tandem("top")
    assert (result.exit_code, result.stderr) == (0, "")
    for words in ("created", "training", "MNIST", "2/3", "2/4", "0.5000", "1,234", "50% of peak"):
        assert words in result.stdout
    assert f"{DEVICE['ip']}:{DEVICE['port']}" in result.stdout and "desk" in result.stdout
    assert tandem("top", "--once").stdout == result.stdout


def test_a_job_that_is_deleted_meanwhile_is_still_a_line(fake: ScriptedJobClient, url: str) -> None:
    fake.answers["list_jobs"] = [{**SUMMARY, "status": "training"}]
    fake.errors["get_job"] = JobNotFound("Job not found")
    console = Console(file=io.StringIO(), width=120)
    with TandemClient(url) as client, console.capture() as shown:
        console.print(_Picture(client).drawn())
    assert "training" in shown.get()
