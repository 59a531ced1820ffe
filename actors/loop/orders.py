"""Requests of other threads to a stage's loop; stage 0 passes on what it is asked for alone."""

from __future__ import annotations

import threading

from actors.core.progress.snapshot_cadence import Boundary
from actors.loop.tracer import Tracer

NOT_BEGUN = -1


class Orders:
    """May be given before the loop runs. Of two orders of a kind the sooner one holds: a stop at
    the next step is not put off by a later one at the epoch's end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stop_at: Boundary | None = None
        self._checkpoint_at: Boundary | None = None
        self._tracer: Tracer | None = None
        self._step = NOT_BEGUN

    @property
    def stop_at(self) -> Boundary | None:
        """Where the session ends early."""
        return self._stop_at

    @property
    def checkpoint_at(self) -> Boundary | None:
        """Where a snapshot is taken that waits to be fetched."""
        return self._checkpoint_at

    def stop(self, boundary: Boundary) -> None:
        with self._lock:
            self._stop_at = _sooner(self._stop_at, boundary)

    def take_checkpoint(self, boundary: Boundary) -> None:
        with self._lock:
            self._checkpoint_at = _sooner(self._checkpoint_at, boundary)

    def checkpoint_begun(self) -> None:
        """The step that begins now ends with it, whichever was asked for."""
        with self._lock:
            self._checkpoint_at = None

    def trace(self, tracer: Tracer) -> int:
        """Has these steps recorded. Returns the step that is under way, or that has ended last; if
        it is one of them, the order came too late and does not hold."""
        # No lock: the loop notes its step before it looks for the order, so that one of the two
        # sees the other.
        self._tracer = tracer
        step = self._step
        if step >= tracer.window.first:
            self._tracer = None
        return step

    def end_trace(self) -> None:
        """Nothing is recorded any more; whoever waits for it gets what there is."""
        tracer, self._tracer = self._tracer, None
        if tracer is not None:
            tracer.close()

    def begin_step(self, step: int) -> Tracer | None:
        """What records the step that begins now, counted from 0 within the session."""
        self._step = step
        tracer = self._tracer
        return tracer if tracer is not None and tracer.begin_step(step) else None


def _sooner(known: Boundary | None, asked: Boundary) -> Boundary:
    return Boundary.STEP if Boundary.STEP in (known, asked) else asked
