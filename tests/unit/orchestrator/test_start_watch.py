from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field

import psutil
import pytest

from orchestrator.placement import Node
from orchestrator.sessions.start_watch import (
    FROZEN,
    IN_A_ROW,
    NODE_TIMEOUT_S,
    SILENT,
    UNREACHED,
    UNREACHED_S,
    StartStuck,
    StartWatch,
    is_stopped,
)
from tests.support.jobs import wait_until


@pytest.fixture
def listening() -> Iterator[int]:
    """A port as a node has one."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@dataclass
class World:
    """Two nodes of this host; ``asked`` has the looks of each stage, which the test answers."""

    port: int
    now_s: float = 100.0
    asked: list[list[Future[bool]]] = field(default_factory=lambda: [[], []])

    def __post_init__(self) -> None:
        self.nodes = [
            Node("a" * 56, "127.0.0.1", self.port, 1.0, frozenset()),
            Node("b" * 56, "127.0.0.1", self.port, 1.0, frozenset()),
        ]
        self.watch = StartWatch(self.nodes, self.ask, lambda: self.now_s)

    def ask(self, stage: int) -> Future[bool]:
        future: Future[bool] = Future()
        self.asked[stage].append(future)
        return future

    def answer(self, stage: int, stopped: bool) -> None:
        """Of the look that is under way there."""
        self.asked[stage][-1].set_result(stopped)

    def why_stuck(self) -> tuple[int, str] | None:
        """What one more look finds."""
        try:
            self.watch.look()
        except StartStuck as stuck:
            return stuck.stage, stuck.why
        return None


@pytest.fixture
def world(listening: int) -> World:
    return World(listening)


def test_a_process_that_was_seen_stopped_twice_is_frozen(world: World) -> None:
    assert world.why_stuck() is None
    world.answer(1, True)
    assert world.why_stuck() is None
    world.answer(1, True)
    assert world.why_stuck() == (1, FROZEN)
    assert IN_A_ROW == 2


def test_one_that_goes_on_between_two_looks_is_not(world: World) -> None:
    for stopped in (True, False, True, False, True):
        assert world.why_stuck() is None
        world.answer(0, stopped)
    assert world.why_stuck() is None


def test_a_node_is_asked_once_at_a_time(world: World) -> None:
    for _ in range(4):
        assert world.why_stuck() is None
    assert [len(looks) for looks in world.asked] == [1, 1]


def test_a_node_that_does_not_tell_in_time_is_lost(world: World) -> None:
    assert world.why_stuck() is None
    world.answer(0, False)
    world.now_s += NODE_TIMEOUT_S - 1
    assert world.why_stuck() is None
    world.now_s += 2
    assert world.why_stuck() == (1, SILENT)


def test_a_look_that_failed_says_nothing(world: World) -> None:
    assert world.why_stuck() is None
    for _ in range(3):
        world.asked[0][-1].set_exception(RuntimeError("the worker process has ended"))
        assert world.why_stuck() is None
    assert len(world.asked[0]) == 4


def test_a_node_whose_port_is_closed_is_lost_and_not_asked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        world = World(server.getsockname()[1])
    assert world.why_stuck() is None
    world.now_s += UNREACHED_S / 2
    assert world.why_stuck() is None
    world.now_s += UNREACHED_S / 2
    assert world.why_stuck() == (0, UNREACHED)
    assert world.asked == [[], []]


def test_a_wait_ends_with_the_first_failure_though_others_go_on(world: World) -> None:
    ends: list[Future[None]] = [Future(), Future()]
    ends[1].set_exception(RuntimeError("no torch"))
    world.watch.wait(ends, 60.0)
    assert not ends[0].done()


def test_a_wait_ends_when_its_time_is_over(listening: int) -> None:
    never: Future[None] = Future()
    StartWatch([], lambda stage: Future()).wait([never], 0.0)
    assert not never.done()


def test_only_a_process_that_a_signal_stopped_is_stopped() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert not is_stopped(process.pid)
        process.send_signal(signal.SIGSTOP)
        wait_until(lambda: is_stopped(process.pid), 5, "it does not look stopped")
        process.send_signal(signal.SIGCONT)
        wait_until(lambda: not is_stopped(process.pid), 5, "it still looks stopped")
    finally:
        process.kill()
        process.communicate()
    assert not is_stopped(process.pid)
    assert not is_stopped(os.getpid())
    assert not psutil.pid_exists(process.pid)
