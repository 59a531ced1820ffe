"""``make bench-planning``: processor seconds that plans and simulations of many stages take.

Writes its part of ``docs/benchmarks.md``.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

from actors.core.model.model_spec import mlp
from actors.core.schedule.checks import simulate
from actors.core.schedule.schedules import SCHEDULES, build_schedule
from benchmarks.command import run
from benchmarks.report import machine, write_part
from orchestrator.planning.partition import PlanRequest
from orchestrator.planning.plan_types import Pipelining
from orchestrator.planning.planner import Wanted, plan_job
from tests.support.profiles import device, job


def plan_many() -> None:
    """1,000 layers over 64 devices of three speeds, 128 microbatches."""
    network = mlp(tuple(100 + i % 7 for i in range(1001)))
    devices = [device(i + 1, 1e9 * (1 + i % 3), 10**9) for i in range(64)]
    planned = job(devices, network, batch_size=256)
    plan_job(planned, PlanRequest(), Wanted(Pipelining("1f1b", 128)))


def simulation(name: str) -> Callable[[], Any]:
    """64 stages, 512 microbatches."""
    return lambda: simulate(build_schedule(name, 64, 512))


def measure(rounds: int) -> list[str]:
    """A row each, round by round."""
    ways: dict[str, Callable[[], Any]] = {"plan, 1,000 layers, 64 devices": plan_many}
    ways |= {
        f"simulate {name}, 64 stages, 512 microbatches": simulation(name) for name in SCHEDULES
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            begin = time.process_time()
            way()
            seconds[name].append(time.process_time() - begin)
    return [
        f"| {name} | {statistics.median(values):.2f} | {min(values):.2f}–{max(values):.2f} |"
        for name, values in seconds.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    head = [
        f"{rounds} rounds; {machine()}.",
        "",
        "| | s, median | lowest–highest |",
        "|---|---:|---:|",
    ]
    lines = [*head, *measure(rounds)]
    write_part("planning", lines)
    print("\n".join(lines))


if __name__ == "__main__":
    run(main)
