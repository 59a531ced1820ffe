"""The command line against a served fake, and no other gateway."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from http_gateway.cli import connection
from http_gateway.cli.jobs import training
from http_gateway.live import event_hub, event_reader
from tests.support.command_line import Tandem
from tests.support.command_line import tandem as run_tandem
from tests.support.scripted_job_client import ScriptedJobClient
from tests.support.served import served

SERVED = ScriptedJobClient()
JOB = """
model_config:
  layer_sizes: [784, 128, 10]
  seed: 7
dataset_config: {name: digits, resize: [28, 28]}
devices:
  - {ip: localhost, port: 5001}
  - {ip: 10.0.0.2, port: 5002}
train: {epochs: 3, learning_rate: 5e-2}
failure_policy: {min_devices: 2}
checkpoints: {interval_s: 5}
"""


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    with served(SERVED) as url:
        yield url


@pytest.fixture
def fake() -> ScriptedJobClient:
    SERVED.forget()
    return SERVED


@pytest.fixture
def tandem(fake: ScriptedJobClient, url: str, monkeypatch: pytest.MonkeyPatch) -> Tandem:
    """Runs a command; its gateway is the fake's unless the test gives another."""
    monkeypatch.setenv("TANDEM_URL", url)
    monkeypatch.delenv("TANDEM_API_TOKEN", raising=False)
    monkeypatch.setattr(training, "POLL_S", 0.001)
    monkeypatch.setattr(training, "SHOW_S", 0.0)
    monkeypatch.setattr(event_hub, "TURN_S", 0.001)
    monkeypatch.setattr(event_reader, "AGAIN_S", 0.001)
    monkeypatch.setattr(training, "PATIENCE_S", 0.01)
    monkeypatch.setattr(connection, "POLL_S", 0.001)
    monkeypatch.setattr(connection, "START_S", 0.0)
    monkeypatch.setattr(connection, "READY_S", 0.0)
    monkeypatch.setattr(training, "WATCH_S", 0.0)
    return run_tandem


@pytest.fixture
def job_file(tmp_path: Path) -> Path:
    """A job of three epochs on two devices."""
    path = tmp_path / "job.yaml"
    path.write_text(JOB)
    return path
