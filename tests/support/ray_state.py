"""Asks Ray itself about an embedded cluster, by a separate driver with its token."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil

from http_gateway.process.gateway_process import GatewayProcess
from tests.support.printed import printed_json

_PRELUDE = """
import json, os, sys
from pathlib import Path
from orchestrator.cluster.local_cluster import cluster_auth
os.environ.update(cluster_auth(Path(sys.argv[2])))
from orchestrator.connection.ray_connection import connect
connect(sys.argv[1])
import ray
"""
_STORE = """
from ray._private import internal_api
state = internal_api.get_state_from_address(sys.argv[1])
stats = internal_api.get_memory_info_reply(state).store_stats
print(json.dumps([stats.object_store_bytes_used, stats.object_store_bytes_primary_copy]))
"""
_ACTOR_PIDS = """
from ray._private.state import actors
print(json.dumps({a["Name"]: a["Pid"] for a in actors().values() if a["State"] == "ALIVE"}))
"""
_FREEZE_STARTING = """
import signal, time
from ray._private.state import actors
print("looks", flush=True)
deadline, suffix = time.monotonic() + 30, f"-stage-{sys.argv[3]}"
while time.monotonic() < deadline:
    for a in actors(actor_state_name="PENDING_CREATION").values():
        if a["Name"].endswith(suffix) and a["Pid"]:
            os.kill(a["Pid"], signal.SIGSTOP)
            print(a["Pid"], flush=True)
            sys.exit()
    time.sleep(0.01)
sys.exit("no such actor has begun to start")
"""


def store_bytes(gateway: GatewayProcess) -> int:
    """Bytes in use in the object store."""
    return int(_ask(gateway, _STORE)[0])


def held_bytes(gateway: GatewayProcess) -> int:
    """Bytes of objects that somebody holds. Ray may drop the rest when it needs the room: copies on
    nodes other than the holder's, and notes of objects whose owner died."""
    return int(_ask(gateway, _STORE)[1])


def process_of_stage(gateway: GatewayProcess, stage: int) -> psutil.Process:
    """The process of the only running LayerActor of this stage."""
    pids = _ask(gateway, _ACTOR_PIDS)
    (pid,) = [pid for name, pid in pids.items() if name.endswith(f"-stage-{stage}")]
    return psutil.Process(pid)


@contextmanager
def frozen_while_starting(gateway: GatewayProcess, stage: int) -> Iterator[Callable[[], int]]:
    """Stops the next LayerActor of this stage before it has started, which takes as long as its
    imports. Yields a function that waits for that and returns its process."""
    looking = subprocess.Popen(
        _command(gateway, _FREEZE_STARTING, str(stage)), stdout=subprocess.PIPE, text=True
    )
    assert looking.stdout is not None
    try:
        while looking.stdout.readline() not in ("looks\n", ""):  # Ray prints, too
            pass
        yield lambda: int(looking.communicate(timeout=40)[0].split()[-1])
    finally:
        looking.kill()
        looking.communicate()


def _ask(gateway: GatewayProcess, script: str) -> Any:
    done = subprocess.run(_command(gateway, script), capture_output=True, timeout=60, check=True)
    return printed_json(done.stdout)


def _command(gateway: GatewayProcess, script: str, *arguments: str) -> list[str]:
    storage = str(gateway.log_path.parent)
    address = gateway.info["ray_address"]
    return [sys.executable, "-c", _PRELUDE + script, address, storage, *arguments]
