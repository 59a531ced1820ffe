"""Why combine: a network that is too large for either of two devices trains on both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.combining.jobs import Task, connect, two_devices
from benchmarks.processes import own_memory, peak_bytes
from benchmarks.report import machine
from http_gateway.client import ApiError, TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.jobs import create_job, wait_for_step, wait_until
from tests.support.ray_state import process_of_stage

LIMIT_BYTES = 1_000_000_000
LARGE = Task({"layer_sizes": [784, 4096, 4096, 4096, 10]}, 256, 10_000)
TINY = Task({"layer_sizes": [784, 16, 16, 16, 10]}, 256, 10_000)
EPOCHS, CHECKPOINTS = 2, 2
CHECKPOINT_INTERVAL_S = 2.0
MEASURED_TIMEOUT_S = 180.0


@dataclass(frozen=True)
class StagePeaks:
    """The plan's figures for a stage's device, and the most bytes that its process took: its own,
    and with the pages that it shares."""

    device: dict[str, Any]
    own_bytes: int
    resident_bytes: int


def measure(folder: Path) -> list[str]:
    """A row a stage, of both devices with the limit and of one without."""
    with two_devices(folder) as gateway:
        devices = gateway.info["devices"]
        refusal = refused(connect(gateway), devices[:1])
        print(refusal, flush=True)
        bare = {n: peaks(gateway, devices[:n], TINY, {}) for n in (1, 2)}
        both = peaks(gateway, devices, LARGE, limits(devices))
        alone = peaks(gateway, devices[:1], LARGE, {})
    together = _rows("two devices", both, bare[2])
    return report(refusal, [*together, *_rows("one, without a limit", alone, bare[1])])


def limits(devices: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The same limit for each device."""
    ids = range(1, len(devices) + 1)
    return {"devices": {str(i): {"max_memory_bytes": LIMIT_BYTES} for i in ids}}


def refused(client: TandemClient, devices: Sequence[dict[str, Any]]) -> str:
    """The refusal of initialize for one device with the limit."""
    job_id = create_job(client, devices, LARGE.dataset, **LARGE.model)
    try:
        client.initialize(job_id, **limits(devices))
    except ApiError as error:
        return str(error)
    finally:
        client.delete_job(job_id)
    raise SystemExit(f"one device with {LIMIT_BYTES:,} bytes was not refused")


def peaks(
    gateway: GatewayProcess,
    devices: Sequence[dict[str, Any]],
    task: Task,
    initialize: dict[str, Any],
) -> list[StagePeaks]:
    """The peaks of stages that have trained and validated for some epochs and saved some
    checkpoints: by then they have held everything that they keep at once."""
    client = connect(gateway)
    policy = {"interval_s": CHECKPOINT_INTERVAL_S}
    job_id = create_job(client, devices, task.dataset, checkpoints=policy, **task.model)
    client.initialize(job_id, **initialize)
    client.train(job_id, epochs=task.epochs, threads=1)
    wait_for_step(client, job_id)
    pids = [process_of_stage(gateway, i).pid for i in range(len(devices))]
    with own_memory(pids) as own:
        wait_until(lambda: _has_kept_all(client, job_id), MEASURED_TIMEOUT_S, "too few checkpoints")
    planned = client.get_plan(job_id)["devices"]
    resident = [peak_bytes(pid) for pid in pids]
    client.delete_job(job_id, force=True)
    stages = zip(planned, own, resident, strict=True)
    return [StagePeaks(device, memory.peak_bytes, peak) for device, memory, peak in stages]


def _has_kept_all(client: TandemClient, job_id: str) -> bool:
    job = client.get_job(job_id)
    assert job["status"] == "training", job
    return len(job["history"]) >= EPOCHS and len(client.list_checkpoints(job_id)) >= CHECKPOINTS


def _rows(name: str, found: Sequence[StagePeaks], bare: Sequence[StagePeaks]) -> list[str]:
    rows = []
    for stage, without in zip(found, bare, strict=True):
        start, end = stage.device["layers"]
        needed, limit = (stage.device["memory"][f"{key}_bytes"] for key in ("needed", "limit"))
        own = stage.own_bytes - without.own_bytes
        resident = stage.resident_bytes - without.resident_bytes
        rows.append(
            f"| {name} | {start}–{end - 1} | {_mb(needed)} | {_mb(limit)} | {_mb(own)} "
            f"({own / needed:.2f}) | {_mb(resident)} ({resident / needed:.2f}) "
            f"| {_mb(stage.resident_bytes)} |"
        )
    return rows


def report(refusal: str, rows: Sequence[str]) -> list[str]:
    """In Markdown."""
    return [
        f"{LARGE.model['layer_sizes']}, batch {LARGE.batch_size}; {machine()}. MB; in brackets, of "
        f"what was predicted. One device with {_mb(LIMIT_BYTES)} MB is refused:",
        "",
        f"> {refusal}",
        "",
        "| | layers | predicted | limit | measured, own | measured, with shared pages "
        "| whole process |",
        "|---|---|---:|---:|---:|---:|---:|",
        *rows,
    ]


def _mb(num_bytes: int) -> str:
    return f"{num_bytes / 1e6:,.0f}"
