"""Requests of other threads to a stage's loop; stage 0 passes them on to the other stages."""

from __future__ import annotations

import threading

from actors.core.progress.snapshot_cadence import Boundary


class Orders:
    """May be given before the loop runs. Of two orders of a kind the sooner one holds: a stop at
    the next step is not put off by a later one at the epoch's end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stop_at: Boundary | None = None
        self._checkpoint_at: Boundary | None = None

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


def _sooner(known: Boundary | None, asked: Boundary) -> Boundary:
    return Boundary.STEP if Boundary.STEP in (known, asked) else asked
