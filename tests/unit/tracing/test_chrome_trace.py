from __future__ import annotations

from typing import Any

import pytest

from actors.core.tracing.chrome_trace import Lane, chrome_trace
from actors.core.tracing.host_clocks import ClockOffset, HostTime, RoundTrip, clock_offset
from actors.core.tracing.slices import Slice, SliceKind, bubble

SAME = ClockOffset(0.0, 0.0)
FIRST = [
    Slice(SliceKind.LOAD, 10.000, 10.001, 7, 0),
    Slice(SliceKind.FORWARD, 10.001, 10.003, 7, 0),
    Slice(SliceKind.SEND_ACTIVATIONS, 10.003, 10.004, 7, 0),
    Slice(SliceKind.RECEIVE_GRADIENTS, 10.004, 10.010, 7, 0),
    Slice(SliceKind.STEP, 9.999, 10.011, 7),
]
LAST = [
    Slice(SliceKind.RECEIVE_ACTIVATIONS, 110.000, 110.005, 7, 0),
    Slice(SliceKind.FORWARD, 110.005, 110.007, 7, 0),
    Slice(SliceKind.SEND_GRADIENTS, 110.008, 110.009, 7, 0),
    Slice(SliceKind.STEP, 110.000, 110.010, 7),
]
"""By a clock that is 100 s ahead."""


def place(step: int) -> tuple[int, int]:
    return 2, step + 1


def made(**changes: Any) -> dict[str, Any]:
    first = Lane(1, "device 1", FIRST, SAME)
    last = Lane(4, "device 4", LAST, ClockOffset(-100.0, 0.0005), **changes)
    return chrome_trace("Job 3", [first, last], place)


def of_phase(trace: dict[str, Any], phase: str) -> list[dict[str, Any]]:
    return [event for event in trace["traceEvents"] if event["ph"] == phase]


def test_slices_lie_on_one_clock_and_tell_their_step() -> None:
    slices = of_phase(made(), "X")
    assert [(s["name"], s["tid"], s["ts"], s["dur"]) for s in slices[:2]] == [
        ("step", 1, 0.0, 12_000.0),
        ("load", 1, 1_000.0, 1_000.0),
    ]
    received = next(s for s in slices if s["name"] == "receive activations")
    assert (received["tid"], received["ts"], received["dur"]) == (3, 1_000.0, 5_000.0)
    assert received["args"] == {"epoch": 2, "step": 8, "microbatch": 1}
    assert {s["cat"] for s in slices} == {"work", "wait", "other"}


def test_each_message_has_an_arrow_between_the_slices_at_its_ends() -> None:
    trace = made()
    begins, ends = of_phase(trace, "s"), of_phase(trace, "f")
    assert [(b["id"], b["tid"]) for b in begins] == [(1, 1), (2, 3)]
    assert [(e["id"], e["tid"], e["bp"]) for e in ends] == [(1, 3, "e"), (2, 1, "e")]
    for event in [*begins, *ends]:
        within = [
            s
            for s in of_phase(trace, "X")
            if s["tid"] == event["tid"] and s["ts"] <= event["ts"] < s["ts"] + s["dur"]
        ]
        assert any(s["cat"] == "wait" for s in within)
    assert all(e["ts"] > b["ts"] for b, e in zip(begins, ends, strict=True))


def test_lanes_are_named_after_their_devices_and_an_accelerators_work_has_its_own() -> None:
    names = {
        e["tid"]: e["args"]["name"] for e in of_phase(made(), "M") if e["name"] == "thread_name"
    }
    assert names == {1: "device 1", 3: "device 4"}
    trace = made(computes_apart=True)
    apart = {s["name"] for s in of_phase(trace, "X") if s["tid"] == 4}
    assert apart == {"forward"}


def test_the_bubble_is_the_share_of_waiting_of_each_device_and_of_all() -> None:
    told = made()["otherData"]
    assert told["devices"]["1"]["bubble"] == pytest.approx(7 / 10)
    assert told["devices"]["4"]["bubble"] == pytest.approx(6 / 8)
    assert told["devices"]["4"]["clock_error_s"] == 0.0005
    assert told["bubble"] == pytest.approx(13 / 18)
    assert bubble([]) == 0.0


def test_the_quickest_round_trip_tells_the_offset_and_its_error() -> None:
    trips = [
        RoundTrip(5.000, HostTime("there", 105.2), 5.400),
        RoundTrip(6.000, HostTime("there", 106.003), 6.004),
    ]
    found = clock_offset(trips, "here")
    assert found.offset_s == pytest.approx(-100.001) and found.error_s == pytest.approx(0.002)


def test_processes_of_one_host_share_a_clock() -> None:
    trips = [RoundTrip(5.0, HostTime("here", 5.3), 5.4)]
    assert clock_offset(trips, "here") == ClockOffset(0.0, 0.0)
