"""``tandem train`` and ``tandem watch`` as a user runs them, on real devices."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from safetensors.torch import load_file

from http_gateway.client import TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.command_line import events
from tests.support.jobs import create_job

TANDEM = "from http_gateway.cli.main import app; app()"
DIGITS = Path(__file__).resolve().parents[2] / "configs" / "jobs" / "digits.yaml"
MANY_EPOCHS = 100_000


@contextmanager
def tandem(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A running command."""
    command = [sys.executable, "-c", TANDEM, *map(str, arguments)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def run(*arguments: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command."""
    with tandem(*arguments) as process:
        out, err = process.communicate(timeout=100)
        return process.returncode, out, err


def events_until(process: subprocess.Popen[str], kind: str) -> list[dict[str, Any]]:
    """The events up to the first of a kind."""
    assert process.stdout is not None
    told: list[dict[str, Any]] = []
    while not told or told[-1]["event"] != kind:
        line = process.stdout.readline()
        assert line, told
        told.append(json.loads(line))
    return told


@pytest.fixture
def digits(gateway: GatewayProcess, tmp_path: Path) -> Path:
    """The job that comes with Tandem, on two devices of this gateway."""
    content = yaml.safe_load(DIGITS.read_text())
    content["devices"] = gateway.info["devices"][:2]
    path = tmp_path / "digits.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_the_digits_are_trained_from_their_file(
    gateway: GatewayProcess, client: TandemClient, digits: Path, tmp_path: Path
) -> None:
    out = tmp_path / "model.safetensors"
    code, shown, err = run("train", digits, "--url", gateway.url, "--model-out", out)
    assert (code, err) == (0, "")
    (job,) = client.list_jobs()
    assert job["status"] == "completed"
    assert out.read_bytes() == client.get_model(job["job_id"])
    assert set(load_file(out)) == {f"{i}.{kind}" for i in (0, 2, 4) for kind in ("weight", "bias")}
    epochs = [line for line in shown.splitlines() if line.startswith("epoch ")]
    assert len(epochs) == 30 and epochs[-1].startswith("epoch 30: train loss 0.")
    assert "\x1b" not in shown and "\r" not in shown

    code, watched, err = run("watch", job["job_id"], "--url", gateway.url, "--json")
    assert (code, err) == (0, "")
    told = events(watched)
    assert [e["epoch"] for e in told if e["event"] == "epoch"] == list(range(1, 31))
    teraflops = client.previous_teraflops()[-1]
    devices = {str(e["device_id"]): e for e in told if e["event"] == "device"}
    for key, entry in teraflops.items():
        assert entry.items() <= devices[key].items()
    assert told[-1] == {"event": "ended", "status": "completed", "error": None}


def test_a_job_is_watched_while_it_trains_until_it_is_stopped(
    gateway: GatewayProcess, client: TandemClient
) -> None:
    job_id = create_job(client, gateway.info["devices"][:2])
    client.initialize(job_id)
    with tandem("watch", job_id, "--url", gateway.url, "--json") as process:
        (watching,) = events_until(process, "watching")
        assert watching["status"] == "initialized"
        client.train(job_id, epochs=MANY_EPOCHS, threads=1)
        told = events_until(process, "epoch")
        assert "progress" in {event["event"] for event in told}
        client.stop_job(job_id)
        *_, ended = events_until(process, "ended")
        assert ended["status"] == "stopped"
        assert process.wait(10) == 0


def test_ctrl_c_leaves_the_job_training(
    gateway: GatewayProcess, client: TandemClient, digits: Path
) -> None:
    text = digits.read_text().replace("epochs: 30", f"epochs: {MANY_EPOCHS}")
    digits.write_text(text)
    with tandem("train", digits, "--url", gateway.url, "--json") as process:
        created, *_ = events_until(process, "epoch")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
        assert process.returncode == 130
    assert f"tandem watch {created['job_id']}" in err
    assert client.get_job(created["job_id"])["status"] == "training"


def test_a_device_that_is_not_there_leaves_no_job_behind(
    gateway: GatewayProcess, client: TandemClient, digits: Path
) -> None:
    content = yaml.safe_load(digits.read_text())
    content["devices"].append({"ip": "localhost", "port": 4999})
    digits.write_text(yaml.safe_dump(content))
    code, _, err = run("train", digits, "--url", gateway.url)
    assert code == 1
    assert "localhost:4999" in err and "deleted again" in err
    assert client.list_jobs() == []
