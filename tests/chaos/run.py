"""Kills and freezes parts of a training cluster, by a seed, and looks what becomes of the job.

``python -m tests.chaos.run --seed 1 --runs 20`` (``make chaos SEED=1 RUNS=20``) prints a row a run;
the exit code is 0 when every job ended with the bits of the undisturbed one.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import requests

from http_gateway.client import ApiError, TandemClient
from http_gateway.gateway_process import GatewayProcess
from orchestrator.local_cluster import stop_local_cluster
from tests.support.jobs import actor_processes, create_job, layer_actors, wait_for_step, wait_until
from tests.support.ray_state import process_of_stage

TARGETS = ("layer_actor", "ray_node", "job_manager", "gateway", "head")
PHASES = ("forward", "backward", "optimizer", "validation", "checkpoint", "idle", "recovery")
SIGNALS = (signal.SIGKILL, signal.SIGSTOP)
FROZEN_FOR_S = 12.0
MAX_LOST_STEPS = 20
NUM_STAGES = 2
OPTIONS = {"epochs": 150, "threads": 1, "num_microbatches": 2, "momentum": 0.5}
LAYERS = [784, 128, 128, 10]


@dataclass(frozen=True)
class Case:
    """What is done to what, when."""

    target: str
    how: signal.Signals
    phase: str
    stage: int

    def __str__(self) -> str:
        return f"{self.how.name} {self.target} in {self.phase} (stage {self.stage})"


@dataclass
class Outcome:
    """What became of it; ``recovery_s`` from the signal to the next optimiser step."""

    case: Case
    is_equal: bool = False
    recovery_s: float | None = None
    lost_steps: int | None = None
    note: str = ""

    @property
    def is_good(self) -> bool:
        by_device = self.case.target in ("layer_actor", "ray_node")
        few = not by_device or (self.lost_steps or 0) <= MAX_LOST_STEPS
        return self.is_equal and few and not self.note


@dataclass
class Arena:
    """A cluster of three devices, each a Ray node, and its gateway."""

    folder: Path
    gateway: GatewayProcess = field(init=False)

    def __post_init__(self) -> None:
        self.gateway = self.start_gateway()

    def start_gateway(self) -> GatewayProcess:
        arguments = ["--local-devices", "3", "--local-nodes", "--local-device-port", "15001"]
        return GatewayProcess.start(self.folder, arguments, timeout_s=120)

    @property
    def client(self) -> TandemClient:
        return TandemClient(self.gateway.url, timeout_s=60.0)

    def nodes(self) -> list[int]:
        """The nodes' first processes, the head's first."""
        state = json.loads((self.folder / "cluster.json").read_text())
        return [record["pid"] for record in state["processes"]]

    def pids(self, case: Case) -> list[int]:
        """What is signalled; 0 is the stage's own process."""
        if case.target == "layer_actor":
            return [0]
        if case.target == "gateway":
            return [self.gateway.process.pid]
        if case.target == "job_manager":
            return [p.pid for p in actor_processes(self.nodes(), "JobManager")]
        leader = psutil.Process(self.nodes()[0 if case.target == "head" else 1])
        return [p.pid for p in [*leader.children(recursive=True), leader]]

    def stop(self) -> None:
        self.gateway.stop()
        stop_local_cluster(self.folder)


def start_job(arena: Arena) -> str:
    """Trains on the head and the first further node."""
    devices = [{"ip": "localhost", "port": 15001 + i} for i in range(NUM_STAGES)]
    policy = {"max_lost_steps": MAX_LOST_STEPS}
    checkpoints = {"interval_s": 0.5}
    return create_job(
        arena.client,
        devices,
        failure_policy=policy,
        checkpoints=checkpoints,
        layer_sizes=LAYERS,
    )


def disturb(arena: Arena, job_id: str, case: Case) -> list[int]:
    """Brings the job to the phase and signals; returns what was frozen."""
    client = arena.client
    if case.phase == "recovery":
        process_of_stage(arena.gateway, case.stage).kill()
        wait_until(lambda: client.get_job(job_id)["status"] == "recovering", 20, "no recovery")
    pids = arena.pids(case)
    if case.phase in ("idle", "recovery", "checkpoint"):
        if case.phase == "checkpoint":
            known = client.list_checkpoints(job_id)
            wait_until(lambda: client.list_checkpoints(job_id) != known, 20, "no checkpoint")
        own = [p.pid for p in layer_actors(arena.nodes())][:1] if 0 in pids else pids
        for pid in own:
            psutil.Process(pid).send_signal(case.how)
    else:
        address, storage = arena.gateway.info["ray_address"], str(arena.folder)
        command = [sys.executable, "-m", "tests.chaos.aim", address, storage, str(case.stage)]
        command += [case.phase, str(int(case.how)), *map(str, pids)]
        subprocess.run(command, check=True, timeout=60, capture_output=True)
        own = pids
    return own if case.how is signal.SIGSTOP and 0 not in own else []


def run_case(arena: Arena, case: Case, expected: Any) -> Outcome:
    outcome = Outcome(case)
    client = arena.client
    job_id = start_job(arena)
    client.initialize(job_id)
    if case.phase != "idle":
        client.train(job_id, **OPTIONS)
        wait_for_step(client, job_id, 150)
    frozen = disturb(arena, job_id, case)
    since = time.monotonic()
    _bring_back(arena, case, frozen)
    try:
        if case.phase == "idle":
            _patiently(lambda: arena.client.train(job_id, **OPTIONS))
        outcome.recovery_s = _next_step(arena, job_id, _failures(case)) - since
        done = arena.client.wait_for(job_id, {"completed", "failed"}, 240, patience_s=120)
        outcome.lost_steps = (done["recovery"] or {}).get("lost_steps")
        outcome.note = str(done.get("error") or "")
        outcome.is_equal = _result(arena.client, job_id) == expected
        wait_until(lambda: not layer_actors(arena.nodes()), 20, "an actor is left")
    except (AssertionError, TimeoutError, ApiError, requests.RequestException) as error:
        outcome.note = f"{type(error).__name__}: {error}"[:200]
    return outcome


def _bring_back(arena: Arena, case: Case, frozen: list[int]) -> None:
    """A killed gateway is started anew by its user; a frozen one, or a frozen node, wakes later."""
    if case.target == "gateway" and case.how is signal.SIGKILL:
        arena.gateway.process.wait(10)
        arena.gateway = arena.start_gateway()
    if frozen and case.target != "job_manager":
        timer = threading.Timer(FROZEN_FOR_S, _wake, [frozen])
        timer.daemon = True
        timer.start()


def _wake(frozen: list[int]) -> None:
    """Those that were not killed meanwhile."""
    for pid in frozen:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(pid).resume()


def _patiently(call: Any, timeout_s: float = 90.0) -> Any:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return call()
        except (ApiError, requests.RequestException) as error:
            passing = not isinstance(error, ApiError) or error.status == 503
            if not passing or time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def _failures(case: Case) -> int:
    """So many failures the job tells of before it trains on."""
    return int(case.target in ("layer_actor", "ray_node"))


def _next_step(arena: Arena, job_id: str, num_failures: int) -> float:
    """When the job was first seen to train on."""

    def noticed() -> bool:
        job = _patiently(lambda: arena.client.get_job(job_id))
        return ((job["recovery"] or {}).get("num_failures") or 0) >= num_failures

    wait_until(noticed, 60, "the loss was not noticed")
    first = _patiently(lambda: arena.client.get_job(job_id))["progress"]

    def trains() -> bool:
        job = _patiently(lambda: arena.client.get_job(job_id))
        return job["status"] == "completed" or (
            job["status"] == "training" and job["progress"] != first
        )

    wait_until(trains, 180, "the job does not train on")
    return time.monotonic()


def _result(client: TandemClient, job_id: str) -> Any:
    job = client.get_job(job_id)
    losses = [(r["epoch"], r["train_loss"], r["val_loss"]) for r in job["history"]]
    steps = [(s["epoch"], s["step"], s["loss"]) for s in client.list_steps(job_id)]
    return client.get_model(job_id), losses, steps


def undisturbed(folder: Path) -> Any:
    arena = Arena(folder)
    try:
        job_id = start_job(arena)
        arena.client.initialize(job_id)
        arena.client.train(job_id, **OPTIONS)
        arena.client.wait_for(job_id, {"completed", "failed"}, 240)
        return _result(arena.client, job_id)
    finally:
        arena.stop()


def cases(seed: int, runs: int, targets: Sequence[str]) -> list[Case]:
    """Every pair of target and signal in turn, each in a phase by chance."""
    chance = random.Random(seed)
    pairs = [(target, how) for target in targets for how in SIGNALS]
    chance.shuffle(pairs)
    return [
        Case(*pairs[i % len(pairs)], chance.choice(PHASES), chance.randrange(NUM_STAGES))
        for i in range(runs)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--target", choices=TARGETS, help="of this kind only")
    asked = parser.parse_args()
    targets = (asked.target,) if asked.target else TARGETS
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="chaos-", dir="/tmp") as folder:
        expected = undisturbed(Path(folder) / "undisturbed")
        print(
            "| what | same bits | next step after, s | steps done again | |\n|---|---|---|---|---|"
        )
        for number, case in enumerate(cases(asked.seed, asked.runs, targets)):
            arena = Arena(Path(folder) / f"run-{number}")
            try:
                outcome = run_case(arena, case, expected)
            finally:
                arena.stop()
            outcomes.append(outcome)
            print(_row(outcome), flush=True)
    devices = [o.recovery_s for o in outcomes if o.recovery_s and o.case.target == "layer_actor"]
    good = sum(o.is_good for o in outcomes)
    median = f"; LayerActors: median {statistics.median(devices):.1f} s" if devices else ""
    print(f"\n{good} of {len(outcomes)} good{median}")
    return 0 if good == len(outcomes) else 1


def _row(outcome: Outcome) -> str:
    after = "–" if outcome.recovery_s is None else f"{outcome.recovery_s:.1f}"
    lost = "–" if outcome.lost_steps is None else str(outcome.lost_steps)
    same = "yes" if outcome.is_equal else "NO"
    return f"| {outcome.case} | {same} | {after} | {lost} | {outcome.note} |"


if __name__ == "__main__":
    sys.exit(main())
