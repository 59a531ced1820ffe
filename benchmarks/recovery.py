"""``make bench-recovery``: seconds from losing a device to the next optimiser step, and what the
snapshots and checkpoints that make it possible cost a training.

Writes its part of ``docs/benchmarks.md``. Real MNIST is read from the folder that TANDEM_DATA_DIR
names.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.command import run
from benchmarks.report import machine, mnist_data_dir, write_part
from http_gateway.client import TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from orchestrator.cluster.local_cluster import stop_local_cluster
from tests.support.jobs import wait_for_step, wait_until
from tests.support.ray_state import process_of_stage

MNIST = {"name": "MNIST", "batch_size": 256}
NEVER = {"failure_policy": {"max_lost_steps": 100_000}, "checkpoints": {"interval_s": 86_400}}
STEPS_BEFORE = 400
LOST = "| what is lost | runs | to the next optimiser step, s: median | lowest–highest |"
COST = "| network | rounds | samples/s lost by being ready: median | lowest–highest |"


@dataclass(frozen=True)
class Network:
    """A job whose training with and without protection is compared."""

    layer_sizes: list[int]
    batch_size: int
    epochs: int

    def __str__(self) -> str:
        return f"{self.layer_sizes}, batch {self.batch_size}"


NETWORKS = (Network([784, 128, 64, 10], 256, 40), Network([784, 2048, 2048, 10], 512, 3))


def start(storage: Path) -> GatewayProcess:
    """Three devices, each a separate Ray node."""
    arguments = ["--local-devices", "3", "--local-nodes"]
    return GatewayProcess.start(storage, arguments, timeout_s=120)


def create(gateway: GatewayProcess, num_devices: int, network: Network, **policies: Any) -> str:
    """A job with its devices, initialised."""
    client = TandemClient(gateway.url, timeout_s=120.0)
    data = {**MNIST, "batch_size": network.batch_size}
    job_id = client.create_job({"layer_sizes": network.layer_sizes}, data, **policies)
    for device in gateway.info["devices"][:num_devices]:
        client.register_device(ip=device["ip"], port=device["port"], job_id=job_id)
    client.initialize(job_id)
    return job_id


def kill_stage(gateway: GatewayProcess, storage: Path) -> None:
    """The process of the last stage's LayerActor."""
    process_of_stage(gateway, 1).kill()


def freeze_stage(gateway: GatewayProcess, storage: Path) -> None:
    """The same, but stopped instead of killed."""
    process_of_stage(gateway, 1).suspend()


def kill_node(gateway: GatewayProcess, storage: Path) -> None:
    """Every process of the second device's Ray node, the LayerActor with them."""
    state = json.loads((storage / "cluster.json").read_text())
    leader = psutil.Process(state["processes"][1]["pid"])
    for process in [*leader.children(recursive=True), leader]:
        process.send_signal(signal.SIGKILL)


Blow = Callable[[GatewayProcess, Path], None]
BLOWS: dict[str, Blow] = {
    "LayerActor killed": kill_stage,
    "LayerActor frozen": freeze_stage,
    "Ray node killed, its layers move to a spare": kill_node,
}


def recovery_s(gateway: GatewayProcess, storage: Path, job_id: str, blow: Blow) -> float:
    """From the blow to the first step beyond those that were done before it was noticed."""
    client = TandemClient(gateway.url, timeout_s=60.0)
    before = client.get_job(job_id)
    failures = _failures(before)
    blow(gateway, storage)
    begin = time.monotonic()
    job = wait_until(lambda: _noticed(client, job_id, failures), 60, "nothing was noticed")
    last = _position(job)
    wait_until(lambda: _position(client.get_job(job_id)) > last, 120, "the job trains no further")
    return time.monotonic() - begin


def _noticed(client: TandemClient, job_id: str, failures: int) -> dict[str, Any] | None:
    job = client.get_job(job_id)
    return job if _failures(job) > failures else None


def _failures(job: dict[str, Any]) -> int:
    return int((job["recovery"] or {}).get("num_failures", 0))


def _position(job: dict[str, Any]) -> tuple[int, int]:
    return job["progress"]["epoch"], job["progress"]["step"]


def measure_recovery(runs: int) -> dict[str, list[float]]:
    """Each blow ``runs`` times, in turn; a cluster a round, since a node that dies stays dead."""
    seconds: dict[str, list[float]] = {name: [] for name in BLOWS}
    for _ in range(runs):
        with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
            storage = Path(folder)
            gateway = start(storage)
            try:
                _one_round(gateway, storage, seconds)
            finally:
                gateway.stop()
                stop_local_cluster(storage)
    return seconds


def _one_round(gateway: GatewayProcess, storage: Path, seconds: dict[str, list[float]]) -> None:
    client = TandemClient(gateway.url, timeout_s=60.0)
    job_id = create(gateway, 2, NETWORKS[0])
    client.train(job_id, epochs=10_000, threads=1)
    wait_for_step(client, job_id, STEPS_BEFORE)
    spare = gateway.info["devices"][2]
    client.register_device(ip=spare["ip"], port=spare["port"], job_id=job_id)
    for name, blow in BLOWS.items():
        seconds[name].append(recovery_s(gateway, storage, job_id, blow))
        print(f"{name}: {seconds[name][-1]:.1f} s", flush=True)
    client.delete_job(job_id, force=True)


def rate(gateway: GatewayProcess, network: Network, policies: dict[str, Any]) -> float:
    """samples/s of a job's epochs on two devices, the first left out; their median."""
    client = TandemClient(gateway.url, timeout_s=120.0)
    job_id = create(gateway, 2, network, **policies)
    client.train(job_id, epochs=network.epochs, threads=1)
    job = client.wait_for(job_id, {"completed", "failed"}, timeout_s=600.0)
    assert job["status"] == "completed", job
    client.delete_job(job_id)
    return statistics.median(record["samples_per_s"] for record in job["history"][1:])


def measure_cost(rounds: int) -> dict[str, list[float]]:
    """The share of each network's samples/s that protection costs, round by round."""
    shares: dict[str, list[float]] = {str(network): [] for network in NETWORKS}
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        gateway = GatewayProcess.start(Path(folder), ["--local-devices", "2"])
        try:
            for index in range(rounds):
                for network in NETWORKS:
                    shares[str(network)].append(_cost(gateway, network, bool(index % 2)))
                    print(f"{network}: {shares[str(network)][-1]:.1%}", flush=True)
        finally:
            gateway.stop()
    return shares


def _cost(gateway: GatewayProcess, network: Network, protected_first: bool) -> float:
    order = [{}, NEVER] if protected_first else [NEVER, {}]
    rates = [rate(gateway, network, policies) for policies in order]
    protected, bare = rates if protected_first else rates[::-1]
    return 1 - protected / bare


def table(head: str, rows: dict[str, list[float]], form: str, to: str) -> list[str]:
    """In Markdown; ``form`` is the figures' format, ``to`` stands between lowest and highest."""
    lines = [f"{machine()}.", "", head, "|---|---:|---:|---:|"]
    for name, values in rows.items():
        middle, low, high = (format(f(values), form) for f in (statistics.median, min, max))
        lines.append(f"| {name} | {len(values)} | {middle} | {low}{to}{high} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7, help="of each blow; 0 leaves them out")
    parser.add_argument("--rounds", type=int, default=5, help="of the cost; 0 leaves it out")
    asked = parser.parse_args()
    mnist_data_dir()
    if asked.runs:
        write_part("recovery", table(LOST, measure_recovery(asked.runs), ".1f", "–"))
    if asked.rounds:
        write_part("readiness", table(COST, measure_cost(asked.rounds), ".1%", " to "))


if __name__ == "__main__":
    run(main)
