"""The calls of ``docs/api.md`` and of the README, pasted in their order against a fresh gateway."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from http_gateway.client import TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.documents import README, blocks, page

DOCUMENTED = "http://localhost:4000"


@pytest.fixture
def fresh(tmp_path: Path, home: Path) -> Iterator[GatewayProcess]:
    gateway = GatewayProcess.start(tmp_path / "storage", [], {**os.environ, "HOME": str(home)})
    yield gateway
    assert gateway.stop() == 0


def for_gateway(language: str, gateway: GatewayProcess) -> list[str]:
    """Both pages' code in a language, for this gateway."""
    found = [*blocks(language, page("api")), *blocks(language, README)]
    return [block.replace(DOCUMENTED, gateway.url) for block in found]


def run(command: list[str], folder: Path) -> str:
    root = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_commands_work_when_pasted(fresh: GatewayProcess, tmp_path: Path) -> None:
    train, download = (b for b in for_gateway("shell", fresh) if "/api/jobs" in b)
    out = run(["bash", "-ec", train], tmp_path)
    for words in ("Job created successfully", '"device_id":2', "Network initialized", "Training"):
        assert words in out.replace(" :", ":"), out
    client = TandemClient(fresh.url, timeout_s=30.0)
    job = client.wait_for("1", {"completed", "failed"}, timeout_s=60)
    assert job["status"] == "completed" and len(job["history"]) == 10

    run(["bash", "-ec", download], tmp_path)
    by_client, plain = for_gateway("python", fresh)
    (listening,) = blocks("python", page("watching"))
    told = run([sys.executable, "-c", listening.replace(DOCUMENTED, fresh.url)], tmp_path)
    assert "training" in told and told.count(" epoch ") == 10
    assert told.splitlines()[-1].endswith("{'status': 'completed'}")
    assert (tmp_path / "model.safetensors").exists()
    run([sys.executable, "-c", plain], tmp_path)
    client.delete_job("1")
    assert "val_accuracy" in run([sys.executable, "-c", by_client], tmp_path)
