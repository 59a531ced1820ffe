"""``make bench-network``: the small MNIST job over three hosts, by the link between them.

The hosts are network namespaces of this machine, which needs root; they share its cores. Writes
its part of ``docs/benchmarks.md``. Real MNIST is read from the folder that TANDEM_DATA_DIR names.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from benchmarks.report import machine, mnist_data_dir, write_part
from tests.support.home_network import LINKS, HomeNetwork
from tests.support.hosts import why_not
from tests.support.links import LinkUnavailable

EPOCHS = 4


def rate(home: HomeNetwork, num_hosts: int) -> float:
    """samples/s of the job's epochs, the first left out; their median."""
    history = home.train(home.hosts[:num_hosts], EPOCHS)["history"]
    return statistics.median(record["samples_per_s"] for record in history[1:])


def measure(home: HomeNetwork, rounds: int) -> list[str]:
    """A line a link: one device alone and all three, round by round."""
    lines = []
    for link in LINKS:
        alone, together = [], []
        try:
            with home.network.shaped(link):
                for _ in range(rounds):
                    alone.append(rate(home, 1))
                    together.append(rate(home, 3))
        except LinkUnavailable as error:
            lines.append(f"| {link} | not measured: `{error}` | | |")
            continue
        ratio = statistics.median(b / a for a, b in zip(alone, together, strict=True))
        lines.append(
            f"| {link} | {statistics.median(alone):,.0f} | {statistics.median(together):,.0f} "
            f"({min(together):,.0f}–{max(together):,.0f}) | {ratio:.3f} |"
        )
        print(lines[-1], flush=True)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    if reason := why_not():
        raise SystemExit(reason)
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        home = HomeNetwork.start(Path(folder), mnist_data_dir())
        try:
            lines = measure(home, rounds)
        finally:
            home.stop()
    head = [
        f"{rounds} rounds of {EPOCHS} epochs, the first of each left out; {machine()}.",
        "",
        "| link | one device, samples/s | three devices, samples/s | ratio |",
        "|---|---:|---:|---:|",
    ]
    write_part("network", [*head, *lines])
    print("\n".join([*head, *lines]))


if __name__ == "__main__":
    main()
