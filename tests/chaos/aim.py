"""Waits until a stage of a training job is in a phase, then signals processes at once. A test from
outside can't come nearer to hitting the middle of a forward pass.

``python -m tests.chaos.aim JSON`` with the fields of ``Aim``; prints those of ``Strike``. Ray's
authentication is that of the embedded cluster of the storage path.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.chaos.cases import Strike

AIM_TIMEOUT_S = 20.0
ANSWER_TIMEOUT_S = 1.0


@dataclass(frozen=True)
class Aim:
    """``pids`` are signalled with ``signal``, with all their descendants where ``whole`` says so;
    without any, the stage's own process is. For the phase ``now`` nothing is waited for."""

    address: str
    storage: str
    job_id: str
    stage: int
    phase: str
    signal: int
    pids: Sequence[int]
    whole: bool


@dataclass(frozen=True)
class Look:
    """The stage's answer, the time of the question, and the stage's position."""

    phase: str
    asked_s: float
    epoch: int = 0
    step: int = 0


def main(aim: Aim) -> None:
    """Prints what was hit as JSON."""
    actor, own_pid = _join(aim)
    pids = _descendants(aim.pids) if aim.whole else aim.pids or [own_pid]
    watch = _writing(aim, actor) if aim.phase == "checkpoint" else lambda: _stage(actor)
    seen = _wait_for(aim.phase, watch)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, aim.signal)
    at_s = time.monotonic()
    later = _after(watch)
    gap_ms = 1000 * (at_s - seen.asked_s)
    strike = Strike(seen.phase, gap_ms, later, seen.epoch, seen.step, at_s)
    print(json.dumps(asdict(strike)), flush=True)
    os._exit(0)  # the cluster may be gone: nothing is left to say good-bye to


def _join(aim: Aim) -> tuple[Any, int]:
    """The stage's actor and its process."""
    from orchestrator.cluster.local_cluster import cluster_auth

    os.environ.update(cluster_auth(Path(aim.storage)))
    from orchestrator.connection.ray_connection import connect

    connect(aim.address)
    import ray
    from ray._private.state import actors

    found = [
        (a["Name"], a["Pid"])
        for a in actors().values()
        if a["State"] == "ALIVE" and a["Name"].endswith(f"-stage-{aim.stage}")
    ]
    name, pid = max(found)
    return ray.get_actor(name), pid


def _descendants(pids: Sequence[int]) -> list[int]:
    """Children first: none is left to see its parent go."""
    leaders = [psutil.Process(pid) for pid in pids]
    return [p.pid for leader in leaders for p in [*leader.children(recursive=True), leader]]


def _wait_for(phase: str, watch: Callable[[], Look]) -> Look:
    """The first look at the phase after one at another: it has just begun. The last look, should
    it not come in time."""
    deadline = time.monotonic() + AIM_TIMEOUT_S
    before = phase
    while True:
        look = watch()
        begins = look.phase == phase and (before != phase or phase == "idle")
        if begins or phase == "now" or time.monotonic() > deadline:
            return look
        before = look.phase


def _stage(actor: Any) -> Look:
    import ray

    from actors.loop.reports import Seen

    asked_s = time.monotonic()
    report = ray.get(actor.poll.remote(Seen()), timeout=ANSWER_TIMEOUT_S)
    if report is None:
        return Look("idle", asked_s)
    return Look(report.phase.value, asked_s, report.progress.epoch, report.progress.step)


def _writing(aim: Aim, actor: Any) -> Callable[[], Look]:
    """Looks whether a file of a checkpoint is being written."""
    folder = Path(aim.storage) / "checkpoints" / "jobs"
    last = _stage(actor)

    def look() -> Look:
        nonlocal last
        asked_s = time.monotonic()
        if any(folder.glob(f"{aim.job_id}-*/*/step-*/*.partial")):
            return Look("checkpoint", asked_s, last.epoch, last.step)
        last = _stage(actor)
        return last

    return look


def _after(watch: Callable[[], Look]) -> str | None:
    import ray

    try:
        return watch().phase
    except ray.exceptions.RayError:
        return None


if __name__ == "__main__":
    main(Aim(**json.loads(sys.argv[1])))
