"""Records of a store, and, run as a program, a process that writes them until it is killed."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from orchestrator.errors import StorageUnavailable
from orchestrator.store.job_store import JobStore
from orchestrator.store.records import (
    DeviceRecord,
    JobRecord,
    SessionRecord,
    StageRecord,
)
from tests.support.logs import steps, tell

ROOT = Path(__file__).resolve().parents[2]
CONFIG: dict[str, Any] = {
    "model": {"layer_sizes": [64, 32, 16, 10]},
    "dataset": {"name": "digits", "batch_size": 32},
    "train": None,
}
OWNER = "the JobManager of the cluster at 192.168.1.5:6379"


def session_record(index: int = 1, **changes: Any) -> SessionRecord:
    """A session under way on two devices."""
    record = SessionRecord(
        index=index,
        folder=f"session-{index}-d1ce",
        options={"epochs": 3, "learning_rate": 0.1, "schedule": "1F1B"},
        num_microbatches=4,
        first_epoch_index=0,
        outcome=None,
        num_failures=0,
        threads={"1": 2, "2": 1},
        channels=["shared-memory objects"],
        differences=["Device 1 has 2 threads, device 2 has 1"],
        progress={"epoch": 1, "step": 7, "loss": 2.25},
        device_stats={"1": {"total_tflops": 0.01}},
    )
    return replace(record, **changes)


def job_record(job_id: str = "1", **changes: Any) -> JobRecord:
    """A job that trains on two devices, in its first session."""
    record = JobRecord(
        job_id=job_id,
        identity=f"{job_id}-d1ce",
        status="training",
        error=None,
        spec={"config": CONFIG},
        failure_policy={"max_failures": 3},
        checkpoint_policy={"keep_last": 2},
        next_device_id=3,
        run=1,
        generation=1,
        epochs_begun=1,
        devices=(DeviceRecord(1, "10.0.0.2", 5001), DeviceRecord(2, "10.0.0.3", 5001)),
        stages=(StageRecord(1, 0, 2), StageRecord(2, 2, 3)),
        sessions=(session_record(),),
    )
    return replace(record, **changes)


@contextmanager
def refusing(store: JobStore, after: int = 0) -> Iterator[None]:
    """The storage refuses every write but the first ones, as a full disk does."""
    database = store._database
    write, left = database.write, iter(range(after))

    @contextmanager
    def refuse() -> Iterator[Connection]:
        if next(left, None) is None:
            raise StorageUnavailable("the disk is full")
        with write() as connection:
            yield connection

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "write", refuse)
        yield


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Another connection keeps the database to itself."""
    with closing(sqlite3.connect(file, isolation_level=None, timeout=30)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield


@contextmanager
def writing_process(storage_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A separate process that adds job after job and prints each number once it is saved."""
    command = [sys.executable, "-m", "tests.support.stores", str(storage_path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def write_for_ever(storage_path: Path) -> None:
    """Adds a job, saves it with its results, and only then prints it."""
    store = JobStore.open(storage_path, OWNER)
    while True:
        number = store.next_job_number()
        record = job_record(str(number))
        store.add_job(record)
        store.save_job(replace(record, status="completed", epochs_begun=number))
        tell(store, record.job_id, *steps(1, 20))
        print(number, flush=True)


if __name__ == "__main__":
    write_for_ever(Path(sys.argv[1]))
