"""``make bench-log``: how long views of a job take whose log has a million steps, and its thinning.

Writes its part of ``docs/benchmarks.md``.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.command import run
from benchmarks.report import machine, milliseconds, write_part
from orchestrator.jobs.figures.metric_series import metric_series
from orchestrator.store.job_store import FILE_NAME, JobStore
from orchestrator.store.log.entries import STEPS, LogEntry, NewEntry
from orchestrator.store.log.job_log import JobLog
from orchestrator.store.outbox import Outbox
from tests.support.logs import back_to, epoch, step
from tests.support.stores import OWNER, job_record

JOB = "1"
EPOCHS, EPOCH_STEPS = 1_000, 1_000
LOST_STEPS = 40


def told(num_roll_backs: int) -> Iterator[list[NewEntry]]:
    """An epoch at a time; of some the last steps are done again."""
    for number in range(1, EPOCHS + 1):
        loss = 2.0 / (1 + number / 7)
        steps = [step(number, i, loss + i / 7919) for i in range(1, EPOCH_STEPS + 1)]
        entries = [*steps, epoch(number, EPOCH_STEPS)]
        if num_roll_backs and number % (EPOCHS // num_roll_backs) == 0:
            entries.append(back_to(number, EPOCH_STEPS - LOST_STEPS))
            entries += [*steps[-LOST_STEPS:], epoch(number, EPOCH_STEPS)]
        yield entries


def measure(num_roll_backs: int) -> dict[str, float]:
    """Milliseconds, but for the size."""
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        store = JobStore.open(Path(folder), OWNER)
        store.add_job(job_record(JOB))
        outbox = Outbox(store)
        log = JobLog(store, outbox)
        written = [
            milliseconds(partial(store.append_log, entries))
            for entries in (_numbered(outbox, new) for new in told(num_roll_backs))
        ]
        middle = (EPOCHS // 2, EPOCH_STEPS // 2)
        found = {
            f"{EPOCH_STEPS:,} steps are written": statistics.median(written),
            "the first 10,000 steps": _median(lambda: log.steps(JOB, (), 10_000)),
            "10,000 steps from the middle": _median(lambda: log.steps(JOB, middle, 10_000)),
            "1,000 steps from the middle": _median(lambda: log.steps(JOB, middle, 1_000)),
            "the latest 1,000 epochs": _median(lambda: log.history(JOB, None, 1_000)),
            "10 epochs from the middle": _median(lambda: log.history(JOB, EPOCHS // 2, 10)),
            "100,000 steps, for `verify`": _median(lambda: log.steps(JOB, (), 100_000), 3),
            "its loss as 1,000 points": _median(lambda: _curve(log)),
            "size, MB": (Path(folder) / FILE_NAME).stat().st_size / 1e6,
            "all thinned": milliseconds(lambda: store.thin_log(JOB)),
            "thinned again, nothing to do": _median(lambda: store.thin_log(JOB)),
            "10,000 steps from the middle, thinned": _median(
                lambda: log.steps(JOB, middle, 10_000)
            ),
            "its loss as 1,000 points, thinned": _median(lambda: _curve(log)),
            "steps that are kept": float(len(store.load_log(JOB, STEPS))),
        }
        store.close()
    return found


def _curve(log: JobLog) -> Any:
    return metric_series(log, JOB, ["loss"], -1, 1_000)


def _numbered(outbox: Outbox, new: list[NewEntry]) -> list[LogEntry]:
    with outbox.numbering() as number:
        return number(JOB, new)


def _median(read: Callable[[], Any], rounds: int = 15) -> float:
    return statistics.median(milliseconds(read) for _ in range(rounds))


def report(plain: dict[str, float], rolled_back: dict[str, float], count: int) -> list[str]:
    """In Markdown."""
    return [
        f"{EPOCHS * EPOCH_STEPS:,} steps in {EPOCHS:,} epochs; medians in ms; {machine()}.",
        "",
        f"| | no roll-back | {count} roll-backs |",
        "|---|---:|---:|",
        *(f"| {name} | {plain[name]:,.1f} | {rolled_back[name]:,.1f} |" for name in plain),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--roll-backs", type=int, default=20)
    count = parser.parse_args().roll_backs
    lines = report(measure(0), measure(count), count)
    write_part("log", lines)
    print("\n".join(lines))


if __name__ == "__main__":
    run(main)
