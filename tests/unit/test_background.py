"""Loops in the background: one error that nobody expected does not end them."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from actors import link_watch
from actors.background import Rounds
from actors.link_watch import LinkWatch
from http_gateway.process.manager_monitor import Ping
from http_gateway.process.watchdog import Watchdog
from orchestrator import job_manager, job_manager_actor
from orchestrator.cluster import node_keeper
from orchestrator.cluster.node_keeper import NodeKeeper
from orchestrator.cluster.ray_start import NodePorts
from orchestrator.errors import StorageUnavailable
from orchestrator.job_manager_actor import JobManagerActor
from orchestrator.manager.manager_config import ManagerConfig
from orchestrator.sessions.members.newcomers import Newcomers
from tests.support.job_records import make_job
from tests.support.jobs import wait_until


def mistaken(*_: Any, **__: Any) -> Any:
    raise ZeroDivisionError("a mistake of ours")


def test_the_same_error_is_logged_once_until_a_round_is_well(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rounds = Rounds("The loop")
    for wrong in (True, True, False, True):
        with rounds.round():
            1 // (not wrong)
        assert (rounds.trouble is not None) is wrong
    records = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert len(records) == 2 and all("The loop" in r.getMessage() for r in records)
    with pytest.raises(KeyboardInterrupt), rounds.round():
        raise KeyboardInterrupt


def test_the_watchdog_looks_on_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("http_gateway.process.watchdog.INTERVAL_S", 0.01)
    looks: list[bool] = []

    def head_listens() -> bool:
        looks.append(len(looks) > 2)
        if not looks[-1]:
            mistaken()
        return False

    manager = SimpleNamespace(ping=lambda timeout_s: Ping.ANSWERED)
    watchdog = Watchdog(manager, head_listens, lambda _: None)
    watchdog.start()
    assert watchdog.head_gone.wait(10)
    watchdog.stop()
    assert looks[:3] == [False] * 3


def test_a_storage_is_opened_after_an_error_in_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors: list[Any] = [
        StorageUnavailable("the disk is full"),
        ZeroDivisionError("a mistake"),
        None,
    ]
    may_open = threading.Event()

    class Manager:
        def __init__(self, _: ManagerConfig) -> None:
            if len(errors) == 1:
                assert may_open.wait(10)
            if (error := errors.pop(0)) is not None:
                raise error

        def list_jobs(self) -> list[Any]:
            return []

    monkeypatch.setattr(job_manager, "JobManager", Manager)
    monkeypatch.setattr(job_manager_actor, "OPEN_AGAIN_S", 0.01)
    actor = JobManagerActor(ManagerConfig(str(tmp_path), str(tmp_path)))
    wait_until(lambda: len(errors) == 1, 10, "it was not tried again")
    with pytest.raises(StorageUnavailable, match="ZeroDivisionError: a mistake"):
        wait_until(lambda: actor.call("list_jobs"), 10, "unreachable")
    may_open.set()
    wait_until(lambda: not errors and actor._manager is not None, 10, "it was given up")
    assert actor.call("list_jobs") == []


def test_a_watch_over_links_asks_on_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def ask(neighbour: Any) -> None:
        asked.append(neighbour.actor)
        if neighbour.actor == 1:
            mistaken()

    monkeypatch.setattr(link_watch, "PING_INTERVAL_S", 0.01)
    monkeypatch.setattr(link_watch, "_ask", ask)
    watch = LinkWatch()
    watch.add(1, 1)
    watch.add(2, 2)
    with watch.running():
        wait_until(lambda: asked.count(2) > 2, 10, "it asks no more")
    assert asked.count(1) > 2


def test_a_session_does_not_fail_for_a_newcomer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.sessions.members.newcomers.LOOK_INTERVAL_S", 0.0)
    choice: Any = SimpleNamespace(obtainable=mistaken)
    book: Any = SimpleNamespace()
    newcomers = Newcomers(choice, book, make_job())
    newcomers.look(SimpleNamespace(placements=[]))  # type: ignore[arg-type]
    newcomers.close()


def test_a_node_is_started_again_after_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_keeper, "FIRST_RETRY_S", 0.01)
    said: list[str] = []
    keeper = NodeKeeper(list, NodePorts(5001), {}, tmp_path / "log", said.append, lambda: False)
    starts = iter([mistaken, lambda _: 3.0])
    monkeypatch.setattr(keeper, "_live", lambda started: next(starts)(started))
    assert keeper._live_again("This device is back.") == 3.0
    assert len(said) == 1 and "ZeroDivisionError" in said[0]
