"""A database that another process locks: who writes is refused, who reads does not wait, and a job
trains on. The JobManager with all that is below it runs in this process."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from orchestrator.errors import StorageUnavailable
from orchestrator.sessions.session_log import SessionLog
from orchestrator.store.database import BUSY_TIMEOUT_S, Database
from orchestrator.store.job_store import FILE_NAME
from tests.support.in_process_ray import FIRST_PORT
from tests.support.job_manager_world import JobManagerWorld
from tests.support.jobs import wait_until
from tests.support.stores import locked

DATA = {"name": "digits", "batch_size": 64}
MODEL = {"layer_sizes": [64, 8, 8, 10]}
NUM_CALLERS = 12
QUICK_S = BUSY_TIMEOUT_S / 2
"""Under a second on a machine that does nothing else; who waits for the disk waits longer."""


def jobs_under_way(world: JobManagerWorld) -> tuple[str, str]:
    """One that trains on node 1, and one that is initialized on node 2."""
    manager = world.manager
    trained, waiting = (manager.create_job(MODEL, DATA) for _ in range(2))
    for job_id, node in ((trained, 1), (waiting, 2)):
        manager.register_device("localhost", FIRST_PORT + node, job_id)
        manager.initialize(job_id)
    manager.train(trained, {"epochs": 100_000, "threads": 1})
    wait_until(lambda: world.trains(trained), 30, "it does not train")
    return trained, waiting


def assert_quick(name: str, read: Callable[[], Any]) -> None:
    began_s = time.monotonic()
    read()
    took_s = time.monotonic() - began_s
    assert took_s < QUICK_S, f"{name} took {took_s:.1f} s"


@pytest.fixture
def published_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When a session has heard of its stages."""
    moments: list[float] = []
    take = SessionLog.take

    def noting(*arguments: Any) -> None:
        take(*arguments)
        moments.append(time.monotonic())

    monkeypatch.setattr(SessionLog, "take", noting)
    return moments


def test_a_dozen_who_write_to_a_locked_database_are_refused_and_keep_nobody_waiting(
    world: JobManagerWorld, published_s: list[float]
) -> None:
    trained, waiting = jobs_under_way(world)
    manager = world.manager
    orders: list[Callable[[], Any]] = [
        lambda: manager.train(waiting, {"epochs": 1}),
        lambda: manager.register_device("localhost", FIRST_PORT, trained),
        *[lambda: manager.create_job(MODEL, DATA)] * (NUM_CALLERS - 2),
    ]
    reads: dict[str, Callable[[], Any]] = {
        "list_jobs": manager.list_jobs,
        "get_job": lambda: manager.get_job(trained),
        "get_plan": lambda: manager.get_plan(trained),
        "list_steps": lambda: manager.list_steps(trained),
        "list_events": lambda: manager.list_events(trained)["events"],
        "list_checkpoints": lambda: manager.list_checkpoints(trained),
    }
    with locked(world.storage_path / FILE_NAME), ThreadPoolExecutor(NUM_CALLERS) as pool:
        began_s = time.monotonic()
        posting = [pool.submit(order) for order in orders]
        while not all(post.done() for post in posting):
            for name, read in reads.items():
                assert_quick(name, read)
            time.sleep(0.05)
        ended_s = time.monotonic()
        for post in posting:
            assert isinstance(post.exception(), StorageUnavailable)
            assert "database is locked" in str(post.exception())
        assert ended_s - began_s < 3 * BUSY_TIMEOUT_S  # and not a dozen times as long
        heard = [began_s, *(s for s in published_s if began_s < s < ended_s), ended_s]
        longest_s = max(b - a for a, b in itertools.pairwise(heard))
        assert longest_s < BUSY_TIMEOUT_S / 2, f"its stages were not heard for {longest_s:.1f} s"
    assert manager.get_job(waiting)["status"] == "initialized"
    assert manager.train(waiting, {"epochs": 1})["epochs"] == 1
    assert len(manager.list_jobs()) == 2 and world.trains(trained)


def test_what_is_read_of_a_job_never_waits_for_a_write_that_hangs(
    world: JobManagerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is written: no write is begun under the lock that readers take."""
    write, held = Database.write, []
    lock = world.manager._book.lock

    def try_lock() -> None:
        is_free = lock.acquire(timeout=5)
        held.append(not is_free)
        if is_free:
            lock.release()

    def look(database: Database) -> Any:
        reader = threading.Thread(target=try_lock)
        reader.start()
        reader.join()
        return write(database)

    monkeypatch.setattr(Database, "write", look)
    trained, _ = jobs_under_way(world)
    world.manager.unregister_device(FIRST_PORT + 2)
    world.manager.stop_job(trained)
    wait_until(lambda: not world.has_a_session(trained), 30, "it does not stop")
    world.manager.resume_job(trained)
    world.manager.delete_job(trained, force=True)
    assert len(held) > 10 and not any(held)
