"""``make bench-rest``: how long reads take while a job trains, and what they cost the training.

Phases with and without 50 reads a second alternate within one session: of a job on two devices, and
of one on a single device, which leaves a core of two to the gateway. Writes its part of
``docs/benchmarks.md``. Real MNIST is read from the folder that TANDEM_DATA_DIR names.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from benchmarks.command import run
from benchmarks.report import machine, mnist_data_dir, write_part
from http_gateway.client import TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.jobs import wait_for_step

READS_PER_S = 50
PHASE_S = 8.0
EPOCHS = 10_000


@dataclass
class Reads:
    """Seconds of each read, and steps a second of each phase."""

    seconds: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)


def measure(num_devices: int, rounds: int) -> Reads:
    """The small MNIST job on so many devices of one node, each with one thread."""
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        gateway = GatewayProcess.start(Path(folder), ["--local-devices", str(num_devices)])
        try:
            client = TandemClient(gateway.url, timeout_s=60.0)
            job_id = _start_job(client, gateway)
            paths = ("/api/jobs", f"/api/jobs/{job_id}", "/api/devices", "/api/previous_teraflops")
            urls = itertools.cycle(gateway.url + path for path in paths)
            reads = Reads()
            for _ in range(rounds):
                reads.alone.append(_rate(client, job_id, lambda: time.sleep(PHASE_S)))
                reads.beside.append(_rate(client, job_id, lambda: _read(urls, reads.seconds)))
            client.delete_job(job_id, force=True)
            return reads
        finally:
            gateway.stop()


def _start_job(client: TandemClient, gateway: GatewayProcess) -> str:
    data = {"name": "MNIST", "batch_size": 256}
    job_ids = []
    for epochs in (1, EPOCHS):  # the first one is there to be read
        job_ids.append(client.create_job({"layer_sizes": [784, 128, 64, 10]}, data))
        for device in gateway.info["devices"]:
            client.register_device(ip=device["ip"], port=device["port"], job_id=job_ids[-1])
        client.initialize(job_ids[-1])
        client.train(job_ids[-1], epochs=epochs, threads=1)
        if epochs == 1:
            client.wait_for(job_ids[-1], {"completed", "failed"}, timeout_s=120.0)
    wait_for_step(client, job_ids[-1], 200)
    return job_ids[-1]


def _rate(client: TandemClient, job_id: str, during: Any) -> float:
    """Steps a second between the two looks at the job."""
    begin, first = time.monotonic(), _steps(client.get_job(job_id))
    during()
    last = _steps(client.get_job(job_id))
    return (last - first) / (time.monotonic() - begin)


def _steps(job: dict[str, Any]) -> int:
    progress = job["progress"]
    return int((progress["epoch"] - 1) * progress["steps"] + progress["step"])


def _read(urls: Any, seconds: list[float]) -> None:
    """Reads at a fixed rate, one at a time; a slow read delays the next ones, and that counts as
    their time, too."""
    with requests.Session() as session:
        begin = time.monotonic()
        for number in range(int(PHASE_S * READS_PER_S)):
            due = begin + number / READS_PER_S
            time.sleep(max(0.0, due - time.monotonic()))
            answer = session.get(next(urls), timeout=30)
            answer.raise_for_status()
            seconds.append(time.monotonic() - due)


def report(all_reads: dict[int, Reads]) -> list[str]:
    """In Markdown; the keys are numbers of devices."""
    one = next(iter(all_reads.values()))
    return [
        f"{len(one.seconds)} reads in {len(one.beside)} phases of {PHASE_S:.0f} s for each row; "
        f"{machine()}.",
        "",
        "| devices | p50 | p99 | longest | steps/s alone | steps/s beside reads | cost, median |",
        "|---:|---:|---:|---:|---:|---:|---:|",
        *(_row(num_devices, reads) for num_devices, reads in all_reads.items()),
    ]


def _row(num_devices: int, reads: Reads) -> str:
    cuts = statistics.quantiles(reads.seconds, n=100)
    cost = statistics.median(
        1 - beside / alone for alone, beside in zip(reads.alone, reads.beside, strict=True)
    )
    alone, beside = statistics.median(reads.alone), statistics.median(reads.beside)
    return (
        f"| {num_devices} | {cuts[49] * 1e3:.1f} ms | {cuts[98] * 1e3:.1f} ms "
        f"| {max(reads.seconds) * 1e3:.0f} ms | {alone:.0f} | {beside:.0f} | {cost:.1%} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    mnist_data_dir()
    rounds = parser.parse_args().rounds
    lines = report({num_devices: measure(num_devices, rounds) for num_devices in (2, 1)})
    write_part("rest", lines)
    print("\n".join(lines))


if __name__ == "__main__":
    run(main)
