"""Unlike devices: what ``auto`` makes of a device that has half a core, against ``even``."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.combining.jobs import Task, connect, trained_plan
from benchmarks.report import machine
from http_gateway.client import TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.jobs import create_job, layer_actors
from tests.support.ray_nodes import RayCluster, RayNode

LAYER_SIZES = [784, *[1024] * 8, 10]
BATCH_SIZE, EPOCHS = 256, 2
PARTITIONS = ("even", "auto")
NICENESS = 15  # that of Ray's workers: the load takes half of their core
# Ends with its parent, however that ends.
LOAD = """
import os
parent = os.getppid()
while os.getppid() == parent:
    sum(range(100_000))
"""


@dataclass
class Column:
    """One partition, round by round: seconds of a step, predicted and measured, and how many layers
    each device got."""

    predicted_s: list[float] = field(default_factory=list)
    measured_s: list[float] = field(default_factory=list)
    layers: list[tuple[int, ...]] = field(default_factory=list)

    def add(self, plan: dict[str, Any]) -> None:
        self.predicted_s.append(plan["step_s"])
        self.measured_s.append(plan["measured"]["step_s"])
        ranges = (device["layers"] for device in plan["devices"])
        self.layers.append(tuple(end - start for start, end in ranges))


Measured = dict[str, dict[str, Column]]
"""By the slowed device's place, then by partition."""


def measure(folder: Path, rounds: int) -> list[str]:
    """Both partitions in turn, with the slowed device first and with it last."""
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        raise SystemExit("two cores are needed, one for each device")
    found: Measured = {place: {p: Column() for p in PARTITIONS} for place in ("first", "last")}
    with pinned_devices(folder, cores) as (gateway, devices), load_on(cores[1]):
        orders = {"first": devices[::-1], "last": devices}
        for _ in range(rounds):
            for place, columns in found.items():
                for partition, column in columns.items():
                    column.add(_plan(connect(gateway), orders[place], partition))
                    took = f"{column.measured_s[-1] * 1e3:.0f} ms, {column.layers[-1]}"
                    print(f"{place}: {partition}: {took}", flush=True)
    return report(found, rounds)


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Processes started during the block stay on that core, with their children."""
    usual = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, usual)


@contextmanager
def load_on(core: int) -> Iterator[None]:
    """A process that computes for nothing. It has its own session, as Ray's nodes have, because the
    system may divide a core by sessions."""
    with on_core(core):
        process = subprocess.Popen([sys.executable, "-c", LOAD], start_new_session=True)
    try:
        psutil.Process(process.pid).nice(NICENESS)
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def pinned_devices(
    folder: Path, cores: list[int]
) -> Iterator[tuple[GatewayProcess, list[dict[str, Any]]]]:
    """A gateway, and two devices, each a Ray node that stays on one of the cores."""
    cluster = RayCluster()
    try:
        with on_core(cores[0]):
            cluster.start_head("--num-cpus=1")
        with on_core(cores[1]):
            cluster.start_node("--num-cpus=1")
        env = {**cluster.env, "RAY_ADDRESS": cluster.address, "TANDEM_DATA_DIR": str(folder)}
        gateway = GatewayProcess.start(folder / "storage", [], env)
        try:
            ip = cluster.address.split(":")[0]
            devices = [{"ip": ip, "port": node.port} for node in cluster.nodes]
            _check_pinned(connect(gateway), devices, cluster.nodes, cores)
            yield gateway, devices
        finally:
            gateway.stop()
    finally:
        cluster.stop()


def _check_pinned(
    client: TandemClient, devices: list[dict[str, Any]], nodes: list[RayNode], cores: list[int]
) -> None:
    """The LayerActors are where they should be, or there is nothing to measure."""
    job_id = create_job(client, devices)
    client.initialize(job_id)
    found = [p.cpu_affinity() for node in nodes for p in layer_actors([node.process.pid])]
    client.delete_job(job_id)
    if found != [[core] for core in cores]:
        raise SystemExit(f"the LayerActors are on the cores {found}, not on {cores}")


def _plan(client: TandemClient, devices: list[dict[str, Any]], partition: str) -> dict[str, Any]:
    task = Task({"layer_sizes": LAYER_SIZES}, BATCH_SIZE, EPOCHS, {"partition": partition})
    return trained_plan(client, devices, task)


def report(found: Measured, rounds: int) -> list[str]:
    """In Markdown; ratios are taken round by round, then their median."""
    lines = [
        f"{LAYER_SIZES}, batch {BATCH_SIZE}; {rounds} interleaved rounds of {EPOCHS} epochs, the "
        f"first of each left out; {machine()}.",
        "",
        "| slowed device | partition | layers, first + last device | predicted, ms a step "
        "| measured, ms a step | lowest–highest | of even, median |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    for place, columns in found.items():
        even = columns["even"].measured_s
        for partition, column in columns.items():
            shown = " or ".join(" + ".join(map(str, n)) for n in dict.fromkeys(column.layers))
            ratio = statistics.median(a / b for a, b in zip(column.measured_s, even, strict=True))
            middle, low, high = (f(column.measured_s) * 1e3 for f in (statistics.median, min, max))
            lines.append(
                f"| {place} | {partition} | {shown} | "
                f"{statistics.median(column.predicted_s) * 1e3:.0f} | {middle:.0f} | "
                f"{low:.0f}–{high:.0f} | {ratio:.2f} |"
            )
    return lines
