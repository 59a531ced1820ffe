"""``make bench-store``: how long answers and the page take where 1,000 jobs are kept, one of which
has trained a million steps.

A gateway trains one job for real; its record and log are then multiplied in the store, and a second
gateway serves them. Pages are opened in the system's Chromium, each in a window of its own, so that
nothing is cached. Writes its part of ``docs/benchmarks.md``.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import requests
from playwright.sync_api import Browser, Page, expect

from benchmarks.command import run
from benchmarks.long_log import EPOCH_STEPS, EPOCHS, told
from benchmarks.report import machine, milliseconds, write_part
from http_gateway.client import TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from orchestrator.store.job_store import JobStore
from orchestrator.store.log.entries import NewEntry
from orchestrator.store.outbox import Outbox
from tests.support.jobs import DIGITS, train
from tests.support.logs import epoch, steps
from tests.support.page_browser import chromium, watched

NUM_JOBS = 1_000
EPOCHS_OF_EACH = 20
ROLL_BACKS = 20
NETWORK = {"layer_sizes": [784, 32, 10]}


def fill(storage: Path) -> str:
    """Makes the store, and returns the number of the job with the million steps."""
    gateway = GatewayProcess.start(storage, ["--local-devices", "1"])
    try:
        with TandemClient(gateway.url, timeout_s=60.0) as client:
            first: str = client.create_job(NETWORK, DIGITS)
            client.register_device(**gateway.info["devices"][0], job_id=first)
            client.initialize(first)
            train(client, first, epochs=1)
    finally:
        gateway.stop()
    store = JobStore.open(storage, "this benchmark")
    with closing(store):
        outbox = Outbox(store)
        (record,) = store.load_jobs()
        for _ in range(NUM_JOBS - 1):
            job_id = str(store.next_job_number())
            store.add_job(replace(record, job_id=job_id, identity=f"{job_id}-copy"))
            _tell(store, outbox, job_id, short_log())
        for entries in told(ROLL_BACKS):
            _tell(store, outbox, job_id, entries)
        store.thin_log(job_id)  # as a session does from time to time
    return job_id


def short_log() -> list[NewEntry]:
    """Of a job that trained for some epochs of ten steps."""
    entries: list[NewEntry] = []
    for number in range(1, EPOCHS_OF_EACH + 1):
        entries += [*steps(number, 10), epoch(number, 10)]
    return entries


def _tell(store: JobStore, outbox: Outbox, job_id: str, new: list[NewEntry]) -> None:
    with outbox.numbering() as number:
        store.append_log(number(job_id, new))


def measure(rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each answer and each view."""
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        storage = Path(folder)
        job_id = fill(storage)
        gateway = GatewayProcess.start(storage, ["--local-devices", "1"])
        try:
            return {
                **_answers(gateway.url, job_id, rounds),
                **_views(gateway.url, job_id, max(3, rounds // 3)),
            }
        finally:
            gateway.stop()


def _answers(url: str, job_id: str, rounds: int) -> dict[str, list[float]]:
    paths = {
        "the list of all jobs": "/api/jobs",
        "the job": f"/api/jobs/{job_id}",
        "its loss at 1,000 points": f"/api/jobs/{job_id}/metrics?names=loss&max_points=1000",
        "its latest events": f"/api/jobs/{job_id}/events",
        "10,000 of its steps": f"/api/jobs/{job_id}/steps?limit=10000",
    }
    with requests.Session() as session:
        return {
            f"`GET` {name}": _times(partial(_get, session, url + path), rounds)
            for name, path in paths.items()
        }


def _times(do: Callable[[], None], rounds: int) -> list[float]:
    return [milliseconds(do) for _ in range(rounds)]


def _get(session: requests.Session, url: str) -> None:
    session.get(url, timeout=60).raise_for_status()


def _views(url: str, job_id: str, rounds: int) -> dict[str, list[float]]:
    with chromium() as browser:
        return {
            "the page's list can be used": [
                _opened(browser, url, "jobs", partial(_is_listed, job_id=job_id))
                for _ in range(rounds)
            ],
            "the job's page can be used, its curve drawn": [
                _opened(browser, url, f"jobs/{job_id}", partial(_is_drawn, job_id=job_id))
                for _ in range(rounds)
            ],
        }


def _is_listed(page: Page, job_id: str) -> None:
    expect(page.get_by_role("link", name=f"Job {job_id}", exact=True)).to_be_visible()


def _is_drawn(page: Page, job_id: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"Job {job_id}")
    expect(page.locator(".legend")).to_contain_text("loss")
    expect(page.get_by_role("link", name="Plan", exact=True)).to_be_enabled()


def _opened(browser: Browser, url: str, place: str, is_whole: Callable[[Page], None]) -> float:
    with watched(browser, url) as shown:
        return milliseconds(lambda: is_whole(shown.open(place)))


def report(found: dict[str, list[float]]) -> list[str]:
    """In Markdown."""
    return [
        f"{NUM_JOBS:,} jobs, one of them with {EPOCHS * EPOCH_STEPS:,} steps; {machine()}.",
        "",
        "| | median, ms | longest, ms | times |",
        "|---|---:|---:|---:|",
        *(
            f"| {name} | {statistics.median(ms):.0f} | {max(ms):.0f} | {len(ms)} |"
            for name, ms in found.items()
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    lines = report(measure(parser.parse_args().rounds))
    write_part("store", lines)
    print("\n".join(lines))


if __name__ == "__main__":
    run(main)
