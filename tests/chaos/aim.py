"""Waits until a stage of a training job is in a phase, then signals a process: the nearest that a
test from outside comes to killing something in the midst of a forward pass.

``python -m tests.chaos.aim ADDRESS STORAGE STAGE PHASE SIGNAL PID…``; a pid of 0 stands for the
stage's own process. Ray's authentication is that of the embedded cluster of STORAGE.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

AIM_TIMEOUT_S = 5.0


def main(address: str, storage: Path, stage: int, phase: str, number: int, pids: list[int]) -> None:
    """Prints whether the phase was met."""
    from orchestrator.local_cluster import cluster_auth

    os.environ.update(cluster_auth(storage))
    from orchestrator.ray_connection import connect

    connect(address)
    actor, pid = _find(stage)
    met = _wait_for(actor, phase)
    for each in pids:
        os.kill(each or pid, number)
    print("met" if met else "missed", flush=True)
    os._exit(0)  # the cluster may be gone: nothing is left to say good-bye to


def _find(stage: int) -> tuple[Any, int]:
    import ray
    from ray._private.state import actors

    found = [
        (a["Name"], a["Pid"])
        for a in actors().values()
        if a["State"] == "ALIVE" and a["Name"].endswith(f"-stage-{stage}")
    ]
    name, pid = max(found)
    return ray.get_actor(name), pid


def _wait_for(actor: Any, phase: str) -> bool:
    import ray

    from actors.reports import Seen

    deadline = time.monotonic() + AIM_TIMEOUT_S
    while time.monotonic() < deadline:
        report = ray.get(actor.poll.remote(Seen()), timeout=AIM_TIMEOUT_S)
        if report is not None and report.phase.value == phase:
            return True
    return False


if __name__ == "__main__":
    where, folder, index, what, how, *who = sys.argv[1:]
    main(where, Path(folder), int(index), what, int(how), [int(pid) for pid in who])
