"""``make bench-network``: a pipeline of two devices over links as homes have them, Tandem's and
torch.distributed.pipelining's over gloo, in turn.

The gateway's host and the two devices are network namespaces of this machine, which needs root;
they share its cores. Writes its part of ``docs/benchmarks.md``. Real MNIST is read from the folder
that TANDEM_DATA_DIR names.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
from pathlib import Path

from benchmarks.command import run
from benchmarks.network.driver import CELLS, Found, Request
from benchmarks.network.report import report
from benchmarks.report import mnist_data_dir, write_part
from tests.support.hosts import clean_environment, why_not
from tests.support.joined_hosts import JoinedHosts
from tests.support.links import ROOT, Link, LinkUnavailable

CABLE, WIFI, OLD_CABLE = (
    Link(mbit_per_s=1000, delay_ms=0.3),
    Link(mbit_per_s=200, delay_ms=3, loss_percent=0.1),
    Link(mbit_per_s=100),
)
LINKS = (CABLE, WIFI, OLD_CABLE)
SNAPSHOT_LINK = OLD_CABLE
SNAPSHOT_EPOCHS = 20
TIMEOUT_S = 3600.0


def measure(hosts: JoinedHosts, link: Link, asked: argparse.Namespace) -> Found:
    """Raises ``LinkUnavailable``; ends the benchmark where the driver fails."""
    head = hosts.network.hosts[0]
    wants_snapshots = link == SNAPSHOT_LINK and not asked.no_snapshots
    request = Request(
        address=f"{head.ip}:6379",
        devices=[[device.ip, device.namespace] for device in hosts.devices],
        rounds=asked.rounds,
        epochs=asked.epochs,
        cells=asked.cells,
        snapshot_epochs=SNAPSHOT_EPOCHS if wants_snapshots else None,
    )
    target = head.home / "found.json"
    driver = [sys.executable, "-m", "benchmarks.network.driver"]
    env = {
        **clean_environment(),
        "PYTHONPATH": str(ROOT),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": hosts.token,
        "TANDEM_DATA_DIR": str(mnist_data_dir()),
    }
    with hosts.network.shaped(link):
        asks = [*driver, json.dumps(dataclasses.asdict(request)), str(target)]
        done = head.run(asks, env, TIMEOUT_S)
    print(f"{link}\n{done.stdout}", flush=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return Found(**json.loads(target.read_text()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3, help="timed, after one that is not")
    parser.add_argument("--links", type=int, nargs="*", help="by number; nothing is written then")
    parser.add_argument("--cells", type=int, nargs="*", default=list(range(len(CELLS))))
    parser.add_argument("--no-snapshots", action="store_true", help="leave their cost out")
    asked = parser.parse_args()
    if reason := why_not():
        raise SystemExit(reason)
    links = LINKS if asked.links is None else [LINKS[i] for i in asked.links]
    table: dict[Link, Found | str] = {}
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        hosts = JoinedHosts.start(Path(folder), mnist_data_dir(), num_devices=2)
        try:
            for link in links:
                try:
                    table[link] = measure(hosts, link, asked)
                except LinkUnavailable as error:
                    table[link] = str(error)
        finally:
            hosts.stop()
    lines = report(table, asked.rounds, asked.epochs)
    if asked.links is None and len(asked.cells) == len(CELLS) and not asked.no_snapshots:
        write_part("network", lines)
    print("\n".join(lines))


if __name__ == "__main__":
    run(main)
