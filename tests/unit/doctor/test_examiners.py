"""The use of a node's answers, without Ray."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import ray

from orchestrator.devices.placement import Node
from orchestrator.doctor import examiners
from orchestrator.doctor.facts import CheckedNode, Clock, HostFacts

CHECKED = CheckedNode(Node("id", "10.0.0.2", 5001, 4.0, frozenset()), 5101, 10**9, "/tmp/ray")
HOST = {name: None for name in HostFacts.__dataclass_fields__}


def clock_of(monkeypatch: pytest.MonkeyPatch, read: Callable[[], float]) -> Clock | None:
    """The clock of a node that ``read`` reads."""

    def get(call: Callable[[], float], timeout: float) -> float:
        assert timeout <= examiners.CLOCK_CALL_TIMEOUT_S
        return call()

    monkeypatch.setattr(examiners.ray, "get", get)
    return examiners._read_clock(SimpleNamespace(clock=SimpleNamespace(remote=lambda: read)))


def test_a_clock_ahead_is_known_to_half_the_time_that_its_reading_took(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def read() -> float:
        time.sleep(0.01)
        told_s = time.time() + 90.0
        time.sleep(0.01)
        return told_s

    clock = clock_of(monkeypatch, read)
    assert clock is not None and 0.01 <= clock.within_s < 0.1
    assert abs(clock.ahead_s - 90.0) <= clock.within_s + 0.001


def test_the_quickest_reading_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    delays_s = iter([0.05, 0.0, 0.05, 0.05, 0.05])

    def read() -> float:
        time.sleep(next(delays_s))
        return time.time()

    clock = clock_of(monkeypatch, read)
    assert clock is not None and clock.within_s < 0.02


def test_a_clock_that_is_not_told_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def read() -> float:
        raise ray.exceptions.GetTimeoutError

    assert clock_of(monkeypatch, read) is None


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "has not answered within 11 s"),
        (
            ray.exceptions.RayError("no\nluck" + "x" * 9999),
            "could not be examined: RayError: no luck",
        ),
    ],
)
def test_why_a_node_told_nothing_is_kept_short(answer: Any, said: str) -> None:
    examined = examiners._examined(CHECKED, answer)
    assert examined.host is None and examined.error is not None
    assert examined.error.startswith(said) and len(examined.error) < 500


def test_an_answer_is_taken_with_what_could_not_be_reached() -> None:
    refused = {("10.0.0.1", 5001): "timed out"}
    examined = examiners._examined(CHECKED, {"host": HOST, "refused": refused})
    assert examined.host == HostFacts(**HOST) and examined.refused == refused
    assert examined.error is None


def test_nodes_that_are_not_let_in_are_told_by_name() -> None:
    examined = examiners._examined(CHECKED, {"host": HOST, "refused": {}})
    told = {examined.name: (40001, "40000:40100"), "other": (40002, "1:2")}
    targets = {"other": ("10.0.0.9", 40002)}
    connected = examiners._connected(examined, told, targets, {targets["other"]: "timed out"})
    assert connected.kept_out == {"other"} and connected.free_ports == "40000:40100"
    assert examiners._connected(examined, {}, targets, {}).kept_out == frozenset()


@pytest.mark.parametrize(
    ("answer", "seen"),
    [(["mps"], ("mps",)), ([], ()), (None, None), (ray.exceptions.RayError("it died"), None)],
)
def test_accelerators_are_unknown_where_torch_did_not_tell(
    answer: Any, seen: tuple[str, ...] | None
) -> None:
    examined = examiners._examined(CHECKED, {"host": HOST, "refused": {}})
    clock = Clock(0.0, 0.001)
    whole = examiners._complete(examined, clock, answer)
    assert (whole.accelerators, whole.clock) == (seen, clock)
