"""The calls of ``docs/api.md`` and of the README, pasted in their order. Only the gateway's port
and the job's number are others."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from http_gateway.client import TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.documents import README, blocks, page
from tests.support.jobs import create_job

DOCUMENTED = "http://localhost:4000"
JOB = re.compile(r"""(?<=[/"'])1(?=["'\s/])""")
"""The number of a new gateway's first job, in a path and in JSON."""


def meant(block: str, url: str, job_id: str) -> str:
    return JOB.sub(job_id, block).replace(DOCUMENTED, url)


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


def test_the_commands_work_when_pasted(
    gateway: GatewayProcess, client: TandemClient, tmp_path: Path
) -> None:
    last = create_job(client, [])
    client.delete_job(last)
    job_id = str(int(last) + 1)

    def code(language: str) -> list[str]:
        """Both pages' code in a language, for this gateway."""
        found = [*blocks(language, page("api")), *blocks(language, README)]
        return [meant(block, gateway.url, job_id) for block in found]

    train, download = (block for block in code("shell") if "/api/jobs" in block)
    out = run(["bash", "-ec", train], tmp_path)
    for words in ("Job created successfully", '"device_id":2', "Network initialized", "Training"):
        assert words in out.replace(" :", ":"), out
    job = client.wait_for(job_id, {"completed", "failed"}, timeout_s=60)
    assert job["status"] == "completed" and len(job["history"]) == 10

    run(["bash", "-ec", download], tmp_path)
    by_client, plain = code("python")
    (listening,) = blocks("python", page("watching"))
    told = run([sys.executable, "-c", meant(listening, gateway.url, job_id)], tmp_path)
    assert "training" in told and told.count(" epoch ") == 10
    assert told.splitlines()[-1].endswith("{'status': 'completed'}")
    assert (tmp_path / "model.safetensors").exists()
    run([sys.executable, "-c", plain], tmp_path)
    client.delete_job(job_id)
    assert "val_accuracy" in run([sys.executable, "-c", by_client], tmp_path)
