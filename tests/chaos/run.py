"""Kills and freezes parts of a training cluster, by a seed, and watches what happens to the job.

``python -m tests.chaos.run --seed 1 --runs 20`` (``make chaos SEED=1 RUNS=20``) prints a row for
each run; 70 runs meet every cell of the matrix, and ``--target``, ``--phase`` and ``--signal``
choose cells. The exit code is 0 if every job ended with the bits of the undisturbed one and left
nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import psutil
import requests

from http_gateway.client import ApiError, TandemClient
from http_gateway.process.gateway_process import GatewayStartError
from tests.chaos.arena import (
    OPTIONS,
    STEPS_AN_EPOCH,
    Arena,
    patiently,
    send_to,
    taken_up_from,
)
from tests.chaos.cases import (
    HEAD,
    PHASES,
    SIGNALS,
    STEP_ROWS,
    TARGETS,
    Case,
    Outcome,
    Strike,
    allowed_after_restart,
    allowed_of_devices,
    draw_cases,
    medians,
    row,
)
from tests.support.jobs import wait_for_step, wait_until

FROZEN_FOR_S = 12.0
FIRST_STEPS = 20
STORE_TIMEOUT_S = 40.0
ENDED = {"completed", "failed", "stopped"}
FAILURES = (
    ApiError,
    AssertionError,
    GatewayStartError,
    TimeoutError,
    requests.RequestException,
    subprocess.SubprocessError,
)


def run_case(arena: Arena, case: Case, expected: Any) -> Outcome:
    """The whole story of one job."""
    outcome = Outcome(case)
    try:
        arena.start_gateway()
        before = arena.held_bytes()
        job_id = arena.start_job(case.nodes)
        speed = _begin(arena, case, job_id)
        events = arena.client.list_events(job_id)["events"]
        outcome.strike = strike = _strike(arena, case, job_id)
        _bring_back(arena, case)
        if case.phase == "idle":
            patiently(lambda: arena.client.train(job_id, **OPTIONS))
        seen_s = _next_step(arena, case, job_id, len(events))
        outcome.recovery_s = seen_s - strike.at_s
        arena.client.wait_for(job_id, ENDED, 400, patience_s=240)
        _count_lost_steps(arena, outcome, job_id, speed)
        _check_result(arena, outcome, job_id, expected)
        _check_nothing_left(arena, job_id, before)
    except FAILURES as error:
        outcome.trouble.append(f"{type(error).__name__}: {error}"[:300])
    return outcome


def _begin(arena: Arena, case: Case, job_id: str) -> float:
    """Trains until a blow would hurt, but for the phase ``idle``; returns steps a second."""
    if case.phase == "idle":
        return 0.0
    arena.client.train(job_id, **OPTIONS)
    progress = wait_for_step(arena.client, job_id, FIRST_STEPS)["progress"]
    return float(progress["samples_per_s"]) / STEP_ROWS


def _strike(arena: Arena, case: Case, job_id: str) -> Strike:
    """Brings the job to the phase and signals."""
    targets = arena.targets(case)
    if case.phase == "recovery":
        return _strike_in_recovery(arena, case, job_id, targets)
    strike = arena.strike(case, job_id, case.phase)
    _remember_frozen(arena, case, targets)
    return strike


def _strike_in_recovery(
    arena: Arena, case: Case, job_id: str, targets: list[psutil.Process]
) -> Strike:
    """Loses the stage first; of LayerActors, one of the next generation is hit."""
    old = {p.pid for p in arena.left_processes("LayerActor")}
    client = arena.client
    first = Case("layer_actor", signal.SIGKILL, "recovery", case.nodes, case.stage)
    lost = arena.strike(first, job_id, "now")
    wait_until(lambda: _status(client, job_id) == "recovering", 20, "no recovery")

    def new_actors() -> list[psutil.Process]:
        return [p for p in arena.left_processes("LayerActor") if p.pid not in old]

    if not targets:
        targets = wait_until(new_actors, 30, "no new LayerActor")[:1]
    asked_s, status = time.monotonic(), _status(client, job_id)
    send_to(targets, case.how)
    at_s = time.monotonic()
    _remember_frozen(arena, case, targets)
    phase = "recovery" if status == "recovering" else status
    return Strike(phase, 1000 * (at_s - asked_s), None, lost.epoch, lost.step, at_s)


def _remember_frozen(arena: Arena, case: Case, targets: list[psutil.Process]) -> None:
    """Processes that somebody would wake; Tandem itself finds and kills a frozen LayerActor or
    JobManager."""
    if case.how is signal.SIGSTOP and case.target not in ("layer_actor", "job_manager"):
        arena.wake_later(targets, FROZEN_FOR_S)


def _bring_back(arena: Arena, case: Case) -> None:
    """The user starts a killed gateway again."""
    if case.target == "gateway" and case.how is signal.SIGKILL:
        arena.gateway.process.wait(10)
        arena.start_gateway()


def _next_step(arena: Arena, case: Case, job_id: str, num_events: int) -> float:
    """When the job was first seen to train on."""

    def told() -> bool:
        events = patiently(lambda: arena.client.list_events(job_id)["events"])[num_events:]
        kinds = {event["kind"] for event in events}
        return bool({case.expected_event, "completed", "failed"} & kinds)

    if case.expected_event is not None:
        wait_until(told, 90, f"the job did not tell that it was {case.expected_event}")
    first = patiently(lambda: arena.client.get_job(job_id))["progress"]

    def trains() -> bool:
        job = patiently(lambda: arena.client.get_job(job_id))
        is_new = job["status"] == "training" and job["progress"] != first
        return is_new or job["status"] in ENDED

    wait_until(trains, 180, "the job does not train on")
    return time.monotonic()


def _count_lost_steps(arena: Arena, outcome: Outcome, job_id: str, speed: float) -> None:
    """The steps that a lost device cost, by the job's events; and those since the checkpoint from
    which a new JobManager went on."""
    recovery = arena.client.get_job(job_id)["recovery"] or {}
    outcome.lost_steps = recovery.get("lost_steps", 0)
    outcome.allowed_steps = allowed_of_devices(recovery.get("num_failures", 0))
    start = taken_up_from(arena.client.list_events(job_id)["events"])
    strike = outcome.strike
    if start is not None and strike is not None:
        done = max(0, strike.epoch - 1) * STEPS_AN_EPOCH + strike.step
        outcome.lost_steps += max(0, done - start)
        outcome.allowed_steps += allowed_after_restart(speed)


def _check_result(arena: Arena, outcome: Outcome, job_id: str, expected: Any) -> None:
    job = arena.client.get_job(job_id)
    assert job["status"] == "completed", job.get("error") or job["status"]
    outcome.is_equal = _result(arena.client, job_id) == expected


def _check_nothing_left(arena: Arena, job_id: str, before: int) -> None:
    """No LayerActor, no process of a node that is gone, no object once the job is deleted."""
    wait_until(lambda: not arena.left_processes("LayerActor"), 20, "a LayerActor is left")
    wait_until(lambda: not arena.left_of_gone_nodes(), 20, "a process of a former node is left")
    patiently(lambda: arena.client.delete_job(job_id))
    left: list[int] = []

    def is_empty() -> bool:
        with contextlib.suppress(subprocess.CalledProcessError):  # a node that is gone was asked
            left.append(arena.held_bytes() - before)
        return bool(left) and left[-1] <= 0

    try:
        wait_until(is_empty, STORE_TIMEOUT_S, "")
    except AssertionError:
        assert left, "nobody told what is held in Ray's store"
        raise AssertionError(f"{left[-1]} bytes more than before are held in Ray's store") from None


def _status(client: TandemClient, job_id: str) -> str:
    return str(client.get_job(job_id)["status"])


def _result(client: TandemClient, job_id: str) -> Any:
    """Weights and losses; each step's loss shows which samples it had."""
    job = client.get_job(job_id)
    losses = [(r["epoch"], r["train_loss"], r["val_loss"]) for r in job["history"]]
    steps = [(s["epoch"], s["step"], s["loss"]) for s in client.list_steps(job_id)]
    return client.get_model(job_id), losses, steps


def undisturbed(arena: Arena) -> Any:
    """The result that every job must have."""
    arena.start_gateway()
    job_id = arena.start_job((0, 1))
    begun_s = time.monotonic()
    arena.client.train(job_id, **OPTIONS)
    job = arena.client.wait_for(job_id, ENDED, 240)
    assert job["status"] == "completed", job
    steps = OPTIONS["epochs"] * STEPS_AN_EPOCH
    print(f"Undisturbed: {steps} steps in {time.monotonic() - begun_s:.1f} s.\n", flush=True)
    return _result(arena.client, job_id)


def _in_arena(folder: Path, act: Callable[[Arena], Any], channel: str) -> Any:
    """Whatever happens, the cluster is ended."""
    arena = Arena(folder, channel=channel)
    try:
        return act(arena)
    finally:
        arena.stop()


def main() -> int:
    asked = _parse()
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    targets, phases = asked.target or TARGETS, asked.phase or PHASES
    signals = [signal.Signals[name] for name in asked.signal or ()] or SIGNALS
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="chaos-", dir="/tmp") as folder:
        expected = _in_arena(Path(folder) / "undisturbed", undisturbed, asked.channel)
        print(HEAD, flush=True)
        cases = draw_cases(asked.seed, asked.runs, targets, phases, signals)
        for number, case in enumerate(cases[asked.skip :], asked.skip):
            here = Path(folder) / f"run-{number}"
            act = functools.partial(run_case, case=case, expected=expected)
            outcomes.append(_in_arena(here, act, asked.channel))
            print(row(outcomes[-1]), flush=True)
            _keep_logs(asked.keep, here, outcomes[-1])
    good, aimed = sum(o.is_good for o in outcomes), sum(o.is_aimed for o in outcomes)
    print(f"\n{medians(outcomes)}\n")
    print(f"{good} of {len(outcomes)} good, {aimed} hit in the phase asked for", flush=True)
    return 0 if good == len(outcomes) else 1


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--skip", type=int, default=0, help="so many of the first of these runs")
    only = {"action": "append", "help": "only these; may be given again"}
    parser.add_argument("--target", choices=TARGETS, **only)
    parser.add_argument("--phase", choices=PHASES, **only)
    parser.add_argument("--signal", choices=[how.name for how in SIGNALS], **only)
    parser.add_argument("--channel", default="auto", help="the kind that every edge takes")
    parser.add_argument("--keep", type=Path, help="a folder for the logs of runs that went wrong")
    return parser.parse_args()


def _keep_logs(folder: Path | None, run: Path, outcome: Outcome) -> None:
    if folder is None or outcome.is_good:
        return
    kept = folder / run.name
    kept.mkdir(parents=True, exist_ok=True)
    for log in [*run.glob("*.log"), *run.glob("*.sqlite*")]:
        shutil.copy(log, kept)


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    """The current run ends as by Ctrl-C: no cluster is left."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
