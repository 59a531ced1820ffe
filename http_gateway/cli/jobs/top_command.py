"""Runs ``tandem top``, only over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from http_gateway.cli.connection import waiting_client
from http_gateway.cli.showing.lanes import Lanes, key
from http_gateway.cli.showing.live_view import new_console
from http_gateway.client import ApiError, TandemClient, patiently
from http_gateway.process.output import notice_closed_pipe

PATIENCE_S = 60.0
SHOW_S = 1.0
DEVICES_S = 5.0
"""Their nodes are asked for it."""
ACTIVE = ("training", "recovering")
MAX_JOBS = 20
GIB = 2**30

Details = dict[str, Any]


def run_top(url: str | None, once: bool) -> None:
    """All jobs and devices: once, or whenever something happens until Ctrl-C."""
    console = new_console()
    with waiting_client(url) as client:
        picture = _Picture(client)
        if once or not console.is_terminal or console.is_dumb_terminal:
            console.print(picture.drawn())
            return
        with Live(console=console, screen=True, auto_refresh=False) as live:
            for _ in _moments(client):
                drawn = patiently(picture.drawn, lambda _: PATIENCE_S, SHOW_S, None)
                live.update(drawn, refresh=True)


def _moments(client: TandemClient) -> Iterator[None]:
    """When to look: at most each second."""
    looked_s = -SHOW_S
    for _ in client.listen(None, None, None, PATIENCE_S, None):
        notice_closed_pipe()
        if time.monotonic() - looked_s >= SHOW_S:
            looked_s = time.monotonic()
            yield


class _Picture:
    """Of the cluster. Devices are asked for less often than jobs."""

    def __init__(self, client: TandemClient) -> None:
        self._client = client
        self._lanes: dict[str, Lanes] = {}
        self._devices: list[Details] = []
        self._asked_s = -DEVICES_S

    def drawn(self) -> RenderableType:
        jobs = self._client.list_jobs()
        active = [job for job in map(self._details, jobs) if "layers" in job]
        if time.monotonic() - self._asked_s >= DEVICES_S:
            self._devices, self._asked_s = [*self._client.list_devices()], time.monotonic()
        known = {job["job_id"]: job for job in active}
        parts: list[RenderableType] = [_job_table([known.get(j["job_id"], j) for j in jobs])]
        for job in active:
            lanes = self._lanes.setdefault(job["job_id"], Lanes())
            parts += [Text(f"Job {job['job_id']}"), lanes.table(job)]
        if active:
            parts.append(key())
        return Group(*parts, _device_table(self._devices))

    def _details(self, job: Details) -> Details:
        """Of one that trains, unless it has just been deleted."""
        if job["status"] in ACTIVE:
            with suppress(ApiError):
                found: Details = self._client.get_job(job["job_id"], history_limit=0)
                return found
        return job


def _job_table(jobs: list[Details]) -> Table:
    """The latest, newest first."""
    table = Table(title="Jobs", box=box.SIMPLE_HEAD, title_justify="left")
    for name in ("job", "status", "data", "devices", "epoch", "step", "loss", "samples/s"):
        table.add_column(name, justify="left" if name in ("status", "data") else "right")
    for job in jobs[: -MAX_JOBS - 1 : -1]:
        data = job["dataset_config"]
        known = data.get("name") or data.get("path") or data.get("format") or ""
        table.add_row(
            job["job_id"], job["status"], str(known), str(job["devices"]), *_progress(job)
        )
    return table


def _progress(job: Details) -> list[str]:
    progress = job.get("progress")
    if not progress:
        return ["", "", "", ""]
    loss = progress["loss"]
    return [
        f"{progress['epoch']}/{progress['epochs']}",
        f"{progress['step']}/{progress['steps'] or '–'}",
        "–" if loss is None else f"{loss:.4f}",
        f"{progress['samples_per_s']:,.0f}",
    ]


def _device_table(devices: list[Details]) -> Table:
    table = Table(title="Devices", box=box.SIMPLE_HEAD, title_justify="left")
    for name in ("device", "host", "status", "held by", "cores", "memory free", "computes on"):
        table.add_column(name)
    for device in devices:
        free, total = device["available_memory_bytes"], device["memory_bytes"]
        memory = "–" if free is None or total is None else f"{free / GIB:.1f} of {total / GIB:.1f}"
        table.add_row(
            f"{device['ip']}:{device['port']}",
            device["host_name"] or "–",
            device["status"],
            "" if device["held_by"] is None else f"job {device['held_by']}",
            str(device["cores"] or "–"),
            f"{memory} GiB",
            ", ".join(device["accelerators"] or []) or "CPU",
        )
    return table
