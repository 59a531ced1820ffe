"""Bytes of a stage take the time that they need, while its device answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future
from typing import Any

import pytest
import ray

from actors.core.patience import patience_s
from orchestrator.sessions.recovery.group_failure import GivenUp
from orchestrator.sessions.starting import arrivals
from orchestrator.sessions.starting.arrivals import NotArrived, wait_for_bytes

HEARTBEAT_S = 0.02


class Coming(Future[Any]):
    """Bytes on their way."""

    def future(self) -> Coming:
        return self


def comes_after(looks: int, coming: Coming) -> Callable[[Collection[int]], list[int]]:
    """All devices answer; the bytes arrive after this many looks."""
    seen: list[Collection[int]] = []

    def silent(stages: Collection[int]) -> list[int]:
        seen.append(stages)
        if len(seen) == looks:
            coming.set_result("state")
        return []

    return silent


def test_patience_grows_with_the_bytes() -> None:
    assert patience_s(0) == 60.0 and patience_s(0, 5.0) == 5.0
    assert patience_s(4_000_000_000) > 3600.0 > patience_s(720_000_000) > 720.0


def test_what_comes_late_is_waited_for_while_its_device_answers() -> None:
    here, late = Coming(), Coming()
    here.set_result("at once")
    came = wait_for_bytes({0: here, 1: late}, 10**9, comes_after(30, late), HEARTBEAT_S)
    assert came == {0: "at once", 1: "state"}


def test_a_device_that_does_not_answer_is_lost() -> None:
    with pytest.raises(NotArrived) as lost:
        wait_for_bytes({0: Coming(), 3: Coming()}, 10**9, lambda stages: [3], HEARTBEAT_S)
    assert lost.value.stage == 3 and not lost.value.is_slow


def test_a_device_that_answers_for_ever_is_not_waited_for_as_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(arrivals, "patience_s", lambda num_bytes: 0.05)
    with pytest.raises(NotArrived, match="1,000 bytes") as late:
        wait_for_bytes({2: Coming()}, 1000, lambda stages: [], HEARTBEAT_S)
    assert late.value.stage == 2 and late.value.is_slow


def test_a_device_that_fails_is_named_at_once() -> None:
    failed = Coming()
    failed.set_exception(ray.exceptions.ActorDiedError())
    with pytest.raises(NotArrived) as lost:
        wait_for_bytes({0: Coming(), 1: failed}, 10**9, lambda stages: [], 60.0)
    assert lost.value.stage == 1 and "is gone" in lost.value.why


def test_a_wait_ends_when_nobody_wants_the_bytes_any_more() -> None:
    with pytest.raises(GivenUp):
        wait_for_bytes({0: Coming()}, 10**9, lambda stages: [], HEARTBEAT_S, lambda: True)


def test_an_answer_ends_the_wait_before_the_next_look() -> None:
    coming = Coming()
    threading.Timer(0.05, lambda: coming.set_result("state")).start()
    assert wait_for_bytes({0: coming}, 1, lambda stages: [], 60.0) == {0: "state"}
