"""Shortcuts that drive a job over HTTP, and look at the processes behind it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil

from http_gateway.client import TandemClient

ENDED = {"completed", "failed", "stopped"}
LAYER_SIZES = [784, 128, 64, 10]
DIGITS = {"name": "digits", "resize": [28, 28], "batch_size": 64, "val_batch_size": 200}


def create_job(
    client: TandemClient,
    devices: Sequence[dict[str, Any]],
    dataset: dict[str, Any] | None = None,
    failure_policy: dict[str, Any] | None = None,
    checkpoints: dict[str, Any] | None = None,
    train_config: dict[str, Any] | None = None,
    **model: Any,
) -> str:
    """A job with these devices registered; digits on the document's layers by default."""
    config = {"layer_sizes": LAYER_SIZES, **model}
    data = DIGITS if dataset is None else dataset
    job_id = client.create_job(
        config,
        data,
        failure_policy=failure_policy,
        checkpoints=checkpoints,
        train_config=train_config,
    )
    for device in devices:
        client.register_device(ip=device["ip"], port=device["port"], job_id=job_id)
    return job_id


def initialize_together(client: TandemClient, *job_ids: str) -> None:
    """The processes of all these jobs start side by side."""
    with ThreadPoolExecutor(len(job_ids)) as pool:
        for initializing in [pool.submit(client.initialize, job_id) for job_id in job_ids]:
            initializing.result()


def train(
    client: TandemClient, job_id: str, timeout_s: float = 90.0, **options: Any
) -> dict[str, Any]:
    """Trains to the end, whatever it is; returns the job's details."""
    client.train(job_id, **{"threads": 1, **options})
    return client.wait_for(job_id, ENDED, timeout_s=timeout_s)


def wait_until(condition: Callable[[], Any], timeout_s: float, what: str) -> Any:
    """The condition's first true value; fails the test when it does not come in time."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} within {timeout_s} s"
        time.sleep(0.05)
    return value


def wait_for_step(client: TandemClient, job_id: str, step: int = 1) -> dict[str, Any]:
    """Waits until the job has trained some steps; returns its details."""

    def trained() -> dict[str, Any] | None:
        job = client.get_job(job_id)
        assert job["status"] == "training", job
        progress = job["progress"]
        done = (max(progress["epoch"], 1) - 1) * (progress["steps"] or 0) + progress["step"]
        return job if done >= step else None

    job: dict[str, Any] = wait_until(trained, 60.0, f"job {job_id} did not reach step {step}")
    return job


def layer_actors(parents: Sequence[int]) -> list[psutil.Process]:
    """The LayerActor processes below these processes."""
    return actor_processes(parents, "LayerActor")


def actor_processes(parents: Sequence[int], class_name: str) -> list[psutil.Process]:
    """The processes of actors of a class below these processes."""
    found = []
    for pid in parents:
        try:
            children = psutil.Process(pid).children(recursive=True)
        except psutil.NoSuchProcess:
            continue
        for child in children:
            try:
                title = (child.cmdline() or [""])[0]
            except psutil.Error:
                continue
            if title.startswith(f"ray::{class_name}"):
                found.append(child)
    return found
