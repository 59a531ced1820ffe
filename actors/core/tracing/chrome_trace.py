"""A timeline in the format that Perfetto and Chrome's own viewer read.

The format is "Trace Event Format" by the makers of Chrome: ``X`` is a slice, ``M`` a name, ``s``
and ``f`` are the two ends of an arrow. Times are microseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from actors.core.tracing.host_clocks import ClockOffset
from actors.core.tracing.slices import COMPUTING, WAITING, WORKING, Slice, SliceKind, bubble

US_PER_S = 1e6
TIMELINE = 1
"""The id of the one process that the viewer shows: a job."""
INTO_ITS_LAST_PART = 0.999
"""An arrow ends within the slice that it leads to."""
ARROWS = {
    SliceKind.SEND_ACTIVATIONS: (SliceKind.RECEIVE_ACTIVATIONS, 1),
    SliceKind.SEND_GRADIENTS: (SliceKind.RECEIVE_GRADIENTS, -1),
}
"""By what is sent: what it is on the other side, and how many lanes further that is."""

Event = dict[str, Any]
Place = tuple[int, int]
PlaceOf = Callable[[int], Place]
"""From a step of the session to its epoch and step, from 1 within the job."""


@dataclass(frozen=True)
class Lane:
    """A stage's, in the order of the stages; ``clock`` turns its times into those of the asker."""

    device_id: int
    name: str
    slices: Sequence[Slice]
    clock: ClockOffset
    computes_apart: bool = False


def chrome_trace(title: str, lanes: Sequence[Lane], place_of: PlaceOf) -> dict[str, Any]:
    """The file's content; ``otherData`` has what the viewer does not compute."""
    begin_s = min(_begin(lane, s) for lane in lanes for s in lane.slices)
    events = [_name("process_name", 0, title)]
    for index, lane in enumerate(lanes):
        events += _names(index, lane)
        events += sorted(
            (_slice(index, lane, s, begin_s, place_of) for s in lane.slices),
            key=lambda event: (event["ts"], -event["dur"]),
        )
    events += _arrows(lanes, begin_s)
    return {"traceEvents": events, "displayTimeUnit": "ms", "otherData": _facts(lanes)}


def _begin(lane: Lane, each: Slice) -> float:
    return each.begin_s + lane.clock.offset_s


def _thread(index: int, lane: Lane, kind: SliceKind) -> int:
    """A stage has two lanes where two things happen at once."""
    return 2 * index + (2 if lane.computes_apart and kind in COMPUTING else 1)


def _name(what: str, thread: int, name: str) -> Event:
    return {"ph": "M", "name": what, "pid": TIMELINE, "tid": thread, "args": {"name": name}}


def _names(index: int, lane: Lane) -> list[Event]:
    own = _thread(index, lane, SliceKind.STEP)
    names = [_name("thread_name", own, lane.name)]
    if lane.computes_apart:
        names.append(_name("thread_name", own + 1, f"{lane.name}: its accelerator"))
    order = {"name": "thread_sort_index", "ph": "M", "pid": TIMELINE}
    return names + [{**order, "tid": n["tid"], "args": {"sort_index": n["tid"]}} for n in names]


def _slice(index: int, lane: Lane, each: Slice, begin_s: float, place_of: PlaceOf) -> Event:
    epoch, step = place_of(each.step)
    told: dict[str, Any] = {"epoch": epoch, "step": step}
    if each.microbatch is not None:
        told["microbatch"] = each.microbatch + 1
    return {
        "ph": "X",
        "name": each.kind.value,
        "cat": _category(each.kind),
        "pid": TIMELINE,
        "tid": _thread(index, lane, each.kind),
        "ts": _microseconds(_begin(lane, each) - begin_s),
        "dur": _microseconds(each.took_s),
        "args": told,
    }


def _category(kind: SliceKind) -> str:
    if kind in WORKING:
        return "work"
    return "wait" if kind in WAITING else "other"


def _arrows(lanes: Sequence[Lane], begin_s: float) -> Iterator[Event]:
    """From each message's sending to its receiving, where both were recorded."""
    taken = {
        (index, s.kind, s.step, s.microbatch): s
        for index, lane in enumerate(lanes)
        for s in lane.slices
    }
    number = 0
    for index, lane in enumerate(lanes):
        for sent in lane.slices:
            if sent.kind not in ARROWS:
                continue
            kind, further = ARROWS[sent.kind]
            there = index + further
            received = taken.get((there, kind, sent.step, sent.microbatch))
            if received is None:
                continue
            number += 1
            arrow = {"name": "message", "cat": "message", "id": number, "pid": TIMELINE}
            begin = _begin(lane, sent) - begin_s
            yield {**arrow, "ph": "s", "tid": _thread(index, lane, sent.kind)} | _at(begin)
            end = _begin(lanes[there], received) - begin_s + INTO_ITS_LAST_PART * received.took_s
            lane_of_end = {"tid": _thread(there, lanes[there], kind)}
            yield {**arrow, "ph": "f", "bp": "e", **lane_of_end, **_at(end)}


def _at(seconds: float) -> Event:
    return {"ts": _microseconds(seconds)}


def _microseconds(seconds: float) -> float:
    return round(seconds * US_PER_S, 3)


def _facts(lanes: Sequence[Lane]) -> dict[str, Any]:
    return {
        "bubble": bubble(s for lane in lanes for s in lane.slices),
        "devices": {
            str(lane.device_id): {
                "bubble": bubble(lane.slices),
                "clock_offset_s": lane.clock.offset_s,
                "clock_error_s": lane.clock.error_s,
            }
            for lane in lanes
        },
    }
