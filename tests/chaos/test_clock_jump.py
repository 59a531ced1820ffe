"""The wall clock is set an hour ahead, then back, while a job trains: nothing takes notice."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from http_gateway.client import TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.jobs import create_job, wait_for_step, wait_until
from tests.support.ports import consecutive_free_ports

SOURCE = Path(__file__).parents[1] / "support" / "wall_clock.c"
MANY_EPOCHS = 100_000


def clock_that_can_be_set(folder: Path) -> dict[str, str]:
    """Variables of processes whose wall clock ``set_clock`` sets, and no other clock."""
    library = folder / "wall_clock.so"
    command = ["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True, timeout=60)
    set_clock(folder, 0)
    return {"LD_PRELOAD": str(library), "WALL_CLOCK_OFFSET": str(folder / "offset")}


def set_clock(folder: Path, hours_ahead: int) -> None:
    file = folder / "offset"
    with file.open("r+b" if file.exists() else "wb") as content:
        content.write(struct.pack("q", 3600 * hours_ahead))


def assert_trains_on(client: TandemClient, job_id: str, hours_ahead: int) -> None:
    """Steps and checkpoints go on, by whose dates the clock has jumped."""
    wait_until(lambda: is_ahead(client, job_id, hours_ahead), 20, "no checkpoint since the jump")
    step = client.get_job(job_id)["progress"]
    wait_until(lambda: client.get_job(job_id)["progress"] != step, 10, "it stands still")


def is_ahead(client: TandemClient, job_id: str, hours: int) -> bool:
    expected = datetime.now(timezone.utc) + timedelta(hours=hours)
    taken = [datetime.fromisoformat(c["created_at"]) for c in client.list_checkpoints(job_id)[:1]]
    return any(abs(at - expected) < timedelta(minutes=5) for at in taken)


@pytest.mark.extended
@pytest.mark.skipif(sys.platform != "linux", reason="the clock is set as Linux can")
@pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler")
def test_a_clock_that_jumps_an_hour_disturbs_no_heartbeat_and_no_interval(tmp_path: Path) -> None:
    env = {**os.environ, **clock_that_can_be_set(tmp_path)}
    first = consecutive_free_ports(2)[0]
    arguments = ["--local-device-port", str(first)]
    gateway = GatewayProcess.start(tmp_path / "storage", arguments, env, timeout_s=120)
    try:
        client = TandemClient(gateway.url, timeout_s=60.0)
        devices = gateway.info["devices"]
        job_id = create_job(client, devices, checkpoints={"interval_s": 0.5})
        client.initialize(job_id)
        client.train(job_id, epochs=MANY_EPOCHS, threads=1)
        wait_for_step(client, job_id, 50)
        for hours in (1, -1):
            set_clock(tmp_path, hours)
            assert_trains_on(client, job_id, hours)
        assert client.get_job(job_id)["recovery"] is None
        assert client.list_events(job_id)["events"] == []
    finally:
        assert gateway.stop() == 0
