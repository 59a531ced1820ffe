"""What a stage does in a stretch of time, and which steps are recorded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class SliceKind(str, Enum):
    """The values are what a timeline shows."""

    STEP = "step"
    LOAD = "load"
    FORWARD = "forward"
    BACKWARD = "backward"
    INPUT_GRAD = "backward, input gradient"
    WEIGHT_GRAD = "backward, weight gradient"
    UPDATE = "update"
    SEND_ACTIVATIONS = "send activations"
    SEND_GRADIENTS = "send gradients"
    RECEIVE_ACTIVATIONS = "receive activations"
    RECEIVE_GRADIENTS = "receive gradients"
    CLIP = "wait for the gradients' norm"
    SNAPSHOT = "snapshot"
    VALIDATION = "validation"


COMPUTING = frozenset(
    {
        SliceKind.FORWARD,
        SliceKind.BACKWARD,
        SliceKind.INPUT_GRAD,
        SliceKind.WEIGHT_GRAD,
        SliceKind.UPDATE,
    }
)
"""What the device itself does; an accelerator may do it beside the rest."""
WORKING = COMPUTING | {SliceKind.LOAD}
WAITING = frozenset(
    {
        SliceKind.SEND_ACTIVATIONS,
        SliceKind.SEND_GRADIENTS,
        SliceKind.RECEIVE_ACTIVATIONS,
        SliceKind.RECEIVE_GRADIENTS,
        SliceKind.CLIP,
    }
)
"""All waiting at channels; to send is to wait until the message is taken."""


@dataclass(slots=True)
class Slice:
    """``step`` counts from 0 within the session; times are in seconds of the process's own
    ``time.perf_counter``. Nobody changes it: it is not frozen because thousands are made within a
    step, and a frozen one takes four times as long."""

    kind: SliceKind
    begin_s: float
    end_s: float
    step: int
    microbatch: int | None = None

    @property
    def took_s(self) -> float:
        return self.end_s - self.begin_s


@dataclass(frozen=True)
class TraceWindow:
    """``num_steps`` steps from ``first`` on, counted from 0 within the session."""

    first: int
    num_steps: int

    @property
    def end(self) -> int:
        """The first step behind it."""
        return self.first + self.num_steps


@dataclass(frozen=True)
class StageTrace:
    """What a stage recorded: in the order of its ends, of ``num_steps`` whole steps, the first of
    its window. ``computes_apart``: an accelerator computes while the host does other things."""

    slices: tuple[Slice, ...]
    num_steps: int
    computes_apart: bool


def bubble(slices: Iterable[Slice]) -> float:
    """The share of waiting in the time of all that is either work or waiting; 0 where there is
    neither."""
    worked_s = waited_s = 0.0
    for each in slices:
        if each.kind in WORKING:
            worked_s += each.took_s
        elif each.kind in WAITING:
            waited_s += each.took_s
    return waited_s / (worked_s + waited_s) if worked_s + waited_s else 0.0
