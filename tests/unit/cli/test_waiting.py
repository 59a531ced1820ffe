"""Commands whose gateway is not there yet or not ready, and one whose gateway goes away."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from http_gateway import client
from http_gateway.cli import connection
from http_gateway.cli.connection import waiting_text
from http_gateway.cli.jobs import training
from orchestrator.errors import Unavailable
from tests.support.command_line import Tandem, events
from tests.support.ports import free_ports, listening
from tests.support.scripted_job_client import ScriptedJobClient, job_at, whole_session
from tests.support.served import served


@pytest.mark.parametrize("arguments", [("watch", "7"), ("pause", "7")], ids=" ".join)
def test_a_gateway_that_is_being_started_is_waited_for(
    arguments: tuple[str, ...], fake: ScriptedJobClient, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    fake.script = whole_session()
    command = [sys.executable, "-m", "http_gateway.cli", *arguments]
    env = {**os.environ, "TANDEM_URL": f"http://127.0.0.1:{port}", "HOME": str(tmp_path)}
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        told = process.stderr.readline()
        with served(fake, port):
            _, rest = process.communicate(timeout=60)
    assert f"No gateway answers at http://127.0.0.1:{port} yet" in told and "tandem serve" in told
    assert (process.returncode, rest) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "method"),
    [
        (("watch", "7"), "get_job"),
        (("plan", "7"), "plan"),
        (("verify", "7"), "verify"),
        (("pause", "7"), "stop_job"),
        (("resume", "7"), "resume_job"),
    ],
)
def test_a_gateway_that_is_not_ready_is_asked_once_it_is(
    tandem: Tandem,
    fake: ScriptedJobClient,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    method: str,
) -> None:
    monkeypatch.setattr(connection, "READY_S", 30.0)
    fake.script = [job_at(3, status="completed")]
    looks = iter(range(100))
    fake.errors["ready"] = Unavailable("The JobManager is being started again.")

    def look() -> None:
        assert fake.calls == []
        if next(looks) == 2:
            fake.errors.clear()

    fake.hooks["ready"] = look
    result = tandem(*arguments)
    assert result.exit_code == 0 and fake.calls[0][0] == method
    (told,) = result.stderr.splitlines()
    assert "not ready yet: The JobManager is being started again; waiting up to 30 s" in told


def test_one_that_does_not_become_ready_is_asked_all_the_same(
    tandem: Tandem, fake: ScriptedJobClient
) -> None:
    fake.errors["ready"] = Unavailable("The node list can't be read")
    assert tandem("pause", "7").exit_code == 0
    fake.errors["stop_job"] = Unavailable("The Ray head is gone")
    result = tandem("pause", "7")
    assert (result.exit_code, result.stderr) == (1, "tandem: The Ray head is gone\n")


def test_a_gateway_that_is_away_meanwhile_is_told_of_and_watched_on(
    tandem: Tandem, fake: ScriptedJobClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "PATIENCE_S", 30.0)
    looks = iter(range(1000))

    def look() -> None:
        n = next(looks)
        if n == 2:
            fake.errors["get_job"] = Unavailable("The Ray head is gone")
        if n == 5:
            fake.errors.clear()

    fake.hooks["get_job"], fake.script = look, whole_session()
    result = tandem("watch", "7", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    (told,) = [event for event in events(result.stdout) if event["event"] == "waiting"]
    assert "The Ray head is gone; waiting up to 30 s" in told["reason"]


@pytest.mark.parametrize("error", [requests.ConnectionError(), requests.ReadTimeout()])
def test_what_is_waited_for_is_named(error: requests.RequestException) -> None:
    assert "http://10.0.0.1:4000" in waiting_text("http://10.0.0.1:4000", error)


def test_something_that_listens_and_says_nothing_is_told_and_waited_for(
    tandem: Tandem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "READY_PATIENCE_S", 0.05)
    monkeypatch.setattr(connection, "READY_S", 1.5)  # many times as long as one look
    with listening() as port:
        result = tandem("pause", "7", "--url", f"http://127.0.0.1:{port}")
    told, error = result.stderr.splitlines()
    assert result.exit_code == 1
    assert "; waiting" in told and "did not answer in time" in error
