from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import pytest

from orchestrator.devices.placement import Node
from orchestrator.sessions.starting import start_watch
from orchestrator.sessions.starting.start_watch import (
    FROZEN,
    IN_A_ROW,
    LEAST_SILENT_S,
    SILENT,
    UNREACHED,
    UNREACHED_S,
    Look,
    StartStuck,
    StartWatch,
    are_stopped,
    ask_node,
)
from tests.support.jobs import wait_until

TIMEOUT_S = 20.0
FIRST, SECOND = (Node(c * 56, "127.0.0.1", 1, 1.0, frozenset()) for c in "ab")
WELL, AWAY = Look(True, [False, False]), Look(False)


@dataclass
class World:
    """Stages 0 and 2 on the first node, stage 1 on the second; the test answers what is asked."""

    now_s: float = 100.0
    asked: dict[str, list[Future[Look]]] = field(default_factory=lambda: {"a": [], "b": []})

    def __post_init__(self) -> None:
        self.watch = StartWatch([FIRST, SECOND, FIRST], self.ask, lambda: self.now_s)
        self.watch.begin(TIMEOUT_S)

    def ask(self, node: Node, stages: Sequence[int]) -> Future[Look]:
        assert list(stages) == ([0, 2] if node is FIRST else [1])
        future: Future[Look] = Future()
        self.asked[node.node_id[0]].append(future)
        return future

    def why_stuck(self) -> tuple[int, str] | None:
        """The result of one more look."""
        try:
            self.watch.look()
        except StartStuck as stuck:
            return stuck.stage, stuck.why
        return None

    def see(self, node: str, look: Look) -> tuple[int, str] | None:
        """Answers the look at this node that is under way."""
        self.asked[node][-1].set_result(look)
        return self.why_stuck()


@pytest.fixture
def world() -> World:
    world = World()
    assert world.why_stuck() is None
    return world


def test_a_process_that_was_seen_stopped_twice_is_frozen(world: World) -> None:
    assert world.see("a", Look(True, [False, True])) is None
    assert world.see("a", Look(True, [False, True])) == (2, FROZEN)
    assert IN_A_ROW == 2


def test_one_that_goes_on_between_two_looks_is_not(world: World) -> None:
    for stopped in (True, False, True, False, True):
        assert world.see("b", Look(True, [stopped])) is None


def test_two_that_were_stopped_once_each_are_not(world: World) -> None:
    assert world.see("a", Look(True, [True, False])) is None
    assert world.see("a", Look(True, [False, True])) is None


def test_a_node_is_asked_once_at_a_time(world: World) -> None:
    for _ in range(4):
        assert world.why_stuck() is None
    assert [len(looks) for looks in world.asked.values()] == [1, 1]
    assert world.see("a", WELL) is None
    assert [len(looks) for looks in world.asked.values()] == [2, 1]


def test_a_node_that_is_out_of_reach_for_a_while_is_lost(world: World) -> None:
    assert world.see("b", AWAY) is None
    world.now_s += UNREACHED_S / 2
    assert world.see("b", AWAY) is None
    world.now_s += UNREACHED_S / 2
    assert world.see("b", AWAY) == (1, UNREACHED)


def test_one_that_is_reached_in_between_is_not(world: World) -> None:
    for look in (AWAY, WELL, AWAY):
        assert world.see("b", look) is None
        world.now_s += UNREACHED_S - 0.1


@pytest.mark.parametrize("timeout_s", [TIMEOUT_S, 8 * LEAST_SILENT_S])
def test_a_node_that_does_not_answer_in_time_is_lost(world: World, timeout_s: float) -> None:
    world.watch.begin(timeout_s)
    silent_s = max(LEAST_SILENT_S, timeout_s / 2)
    assert world.why_stuck() is None
    assert world.see("a", WELL) is None
    world.now_s += silent_s - 1
    assert world.see("a", WELL) is None
    world.now_s += 2
    assert world.see("a", WELL) == (1, SILENT)


def test_a_look_that_failed_says_nothing(world: World) -> None:
    for _ in range(3):
        world.asked["a"][-1].set_exception(RuntimeError("the worker process has ended"))
        assert world.why_stuck() is None
        world.now_s += UNREACHED_S
    assert len(world.asked["a"]) == 4


def test_what_was_seen_in_an_earlier_wait_does_not_count(world: World) -> None:
    assert world.see("a", Look(True, [True, False])) is None
    assert world.see("b", AWAY) is None
    world.watch.begin(TIMEOUT_S)
    world.now_s += 3600
    assert world.why_stuck() is None
    assert world.see("a", Look(True, [True, False])) is None
    assert world.see("b", AWAY) is None


def test_a_wait_ends_with_the_first_failure_though_others_go_on(world: World) -> None:
    ends: list[Future[None]] = [Future(), Future()]
    ends[1].set_exception(RuntimeError("no torch"))
    world.watch.wait(ends, 60.0)
    assert not ends[0].done()


def test_a_wait_ends_when_its_time_is_over(world: World) -> None:
    never: Future[None] = Future()
    world.watch.wait([never], 0.0)
    assert not never.done()


def test_a_long_wait_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_watch, "LOOK_AFTER_S", 0.0)
    monkeypatch.setattr(start_watch, "LOOK_INTERVAL_S", 0.01)

    def ask(node: Node, stages: Sequence[int]) -> Future[Look]:
        future: Future[Look] = Future()
        future.set_result(Look(True, [True]))
        return future

    with pytest.raises(StartStuck) as stuck:
        StartWatch([FIRST], ask).wait([Future()], 60.0)
    assert (stuck.value.stage, stuck.value.why) == (0, FROZEN)


def test_only_a_process_that_a_signal_stopped_is_stopped() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    pids = [process.pid, os.getpid(), 0]
    try:
        assert are_stopped(pids) == [False, False, False]
        process.send_signal(signal.SIGSTOP)
        wait_until(lambda: are_stopped(pids) == [True, False, False], 5, "it does not look stopped")
        process.send_signal(signal.SIGCONT)
        wait_until(lambda: not any(are_stopped(pids)), 5, "it still looks stopped")
    finally:
        process.kill()
        process.communicate()
    assert are_stopped(pids) == [False, False, False]


def test_a_node_whose_port_is_closed_is_out_of_reach() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    node = Node("c" * 56, "127.0.0.1", port, 1.0, frozenset())
    assert ask_node(node, []).result(5.0) == AWAY
