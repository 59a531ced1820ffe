"""A JobManager whose every thread is busy with slow calls is alive, and says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.printed import printed_json

ROOT = Path(__file__).resolve().parents[2]
FULL = """
import json, os, sqlite3, sys, threading
from dataclasses import replace
from pathlib import Path
import ray
from actors.core.errors import Unavailable
from http_gateway.operations.table import OPERATIONS
from http_gateway.calls.ray_job_client import DESCRIBE, RayJobClient
from orchestrator.job_manager_actor import MAX_CONCURRENCY
from orchestrator.manager.manager_config import ManagerConfig
from orchestrator.connection.ray_connection import NAMESPACE

folder = Path(sys.argv[1])
ray.init(
    address="local", num_cpus=1, namespace=NAMESPACE, include_dashboard=False, log_to_driver=False
)
by_name = {operation.name: operation for operation in OPERATIONS}
job = {"model_config": {"layer_sizes": [64, 10]}, "dataset_config": {"name": "digits"}}
client = RayJobClient(ManagerConfig(str(folder), str(folder)), folder, 0)
client.call(by_name["list_jobs"], {})
other = sqlite3.connect(folder / "tandem.db", isolation_level=None)
other.execute("BEGIN EXCLUSIVE")

def create():
    try:
        client.call(by_name["create_job"], job)
    except Unavailable:
        pass

def is_full():
    try:
        client.manager.call(replace(DESCRIBE, timeout_s=1.0))
    except Unavailable:
        return True
    return False

for _ in range(4 * MAX_CONCURRENCY):
    threading.Thread(target=create, daemon=True).start()
while not is_full():
    pass
copied = client.manager.connect().keep_copy.remote("no group", [ray.put({})])
found = {
    "ping": client.manager.ping(2.0).value,
    "jobs": client.call(by_name["list_jobs"], {}),
    "copied": len(ray.wait([copied], timeout=5)[0]),
    "full": is_full(),
}
print(json.dumps(found), flush=True)
os._exit(0)  # the threads wait for answers; the cluster goes with its driver
"""


def test_it_answers_pings_polls_and_snapshots_though_slow_calls_have_every_thread(
    tmp_path: Path,
) -> None:
    storage = tmp_path / "storage"
    storage.mkdir()
    env = {**os.environ, "HOME": str(tmp_path), "RAY_AUTH_MODE": "disabled"}
    env["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(storage)],
        capture_output=True,
        text=True,
        timeout=100,
        env=env,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert printed_json(done.stdout) == {"ping": "answered", "jobs": [], "copied": 1, "full": True}
