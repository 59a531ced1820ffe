"""``make bench-listeners``: what it costs the training that many listen to it.

Phases with and without listeners alternate within one session of the small MNIST job; the listeners
are one process of their own. Writes its part of ``docs/benchmarks.md``. Real MNIST is read from the
folder that TANDEM_DATA_DIR names.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.command import run
from benchmarks.report import machine, mnist_data_dir, write_part
from http_gateway.client import TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.jobs import wait_for_step

PHASE_S = 8.0
EPOCHS = 10_000
ROOT = Path(__file__).resolve().parent.parent
# One thread, and nothing is parsed: what the listeners themselves take is not to be measured.
LISTEN = """
import selectors, socket, sys
host, port, path, count = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
ask = f"GET {path} HTTP/1.1\\r\\nHost: {host}\\r\\nAccept: text/event-stream\\r\\n\\r\\n".encode()
waiting = selectors.DefaultSelector()
for _ in range(count):
    connection = socket.create_connection((host, port))
    connection.sendall(ask)
    waiting.register(connection, selectors.EVENT_READ)
print("ready", flush=True)
total = 0
while waiting.get_map():
    for ready, _ in waiting.select():
        data = ready.fileobj.recv(1 << 20)
        total += len(data)
        if not data:
            waiting.unregister(ready.fileobj)
"""


@dataclass
class Rates:
    """Steps a second of each phase."""

    alone: list[float] = field(default_factory=list)
    heard: list[float] = field(default_factory=list)


def measure(rounds: int, count: int) -> Rates:
    """The small MNIST job on two devices of one node."""
    rates = Rates()
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        gateway = GatewayProcess.start(Path(folder), ["--local-devices", "2"])
        try:
            client = TandemClient(gateway.url, timeout_s=60.0)
            job_id = _start_job(client, gateway)
            for _ in range(rounds):
                rates.alone.append(_rate(client, job_id))
                with _listening(gateway, job_id, count):
                    rates.heard.append(_rate(client, job_id))
            client.delete_job(job_id, force=True)
        finally:
            gateway.stop()
    return rates


def _start_job(client: TandemClient, gateway: GatewayProcess) -> str:
    data = {"name": "MNIST", "batch_size": 256}
    job_id: str = client.create_job({"layer_sizes": [784, 128, 64, 10]}, data)
    for device in gateway.info["devices"]:
        client.register_device(ip=device["ip"], port=device["port"], job_id=job_id)
    client.initialize(job_id)
    client.train(job_id, epochs=EPOCHS, threads=1)
    wait_for_step(client, job_id, 200)
    return job_id


@contextmanager
def _listening(gateway: GatewayProcess, job_id: str, count: int) -> Iterator[None]:
    """So many streams, in one process."""
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    path = f"/api/jobs/{job_id}/events"
    command = [sys.executable, "-S", "-c", LISTEN, host, port, path, str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            yield
        finally:
            process.terminate()


def _rate(client: TandemClient, job_id: str) -> float:
    """Steps a second between two looks at the job."""
    begin, first = time.monotonic(), _steps(client.get_job(job_id, history_limit=0))
    time.sleep(PHASE_S)
    last = _steps(client.get_job(job_id, history_limit=0))
    return (last - first) / (time.monotonic() - begin)


def _steps(job: dict[str, Any]) -> int:
    progress = job["progress"]
    return int((progress["epoch"] - 1) * progress["steps"] + progress["step"])


def report(rates: Rates, count: int) -> list[str]:
    """In Markdown."""
    pairs = zip(rates.alone, rates.heard, strict=True)
    costs = sorted(1 - heard / alone for alone, heard in pairs)
    return [
        f"{count} listeners in {len(costs)} phases of {PHASE_S:.0f} s; {machine()}.",
        "",
        "| steps/s alone | steps/s with listeners | cost, median | lowest–highest |",
        "|---:|---:|---:|---:|",
        f"| {statistics.median(rates.alone):.0f} | {statistics.median(rates.heard):.0f} "
        f"| {statistics.median(costs):.1%} | {costs[0]:.1%}–{costs[-1]:.1%} |",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--listeners", type=int, default=20)
    asked = parser.parse_args()
    mnist_data_dir()
    lines = report(measure(asked.rounds, asked.listeners), asked.listeners)
    write_part("listeners", lines)
    print("\n".join(lines))


if __name__ == "__main__":
    run(main)
