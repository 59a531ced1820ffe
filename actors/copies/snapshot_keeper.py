"""The snapshots in one process: a stage's own, and the copies it keeps for a neighbour."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Protocol

from actors.core.progress.snapshots import Mark, Position, StageSnapshot

NUM_KEPT = 2
"""A stage that has finished step n proves that all others have begun it, and so that the copies of
the snapshot before have arrived everywhere: with two, every stage has the older one."""


@dataclass(frozen=True)
class HeldSnapshot:
    """One of layers ``[start, end)``, without its tensors."""

    start: int
    end: int
    position: Position


class Copier(Protocol):
    """Brings a snapshot to where it survives the loss of this process."""

    def send(self, snapshot: StageSnapshot) -> None:
        """Starts; at most one is under way."""
        ...

    def wait(self, timeout_s: float) -> None:
        """Returns when the last one has arrived; raises ``StageFailure``."""
        ...

    def copied_s(self) -> float | None:
        """Seconds from ``send`` until the last one had arrived, or had failed; None before."""
        ...


class SnapshotKeeper:
    """May be asked from any thread while the stage trains."""

    def __init__(self) -> None:
        self.copier: Copier | None = None
        self._lock = threading.Lock()
        self._own: list[StageSnapshot] = []
        self._checkpoint: StageSnapshot | None = None
        self._copies: list[StageSnapshot] = []

    def take(self, snapshot: StageSnapshot, mark: Mark) -> None:
        """Keeps the stage's own, and starts to copy it."""
        with self._lock:
            self._own = [*self._own, snapshot][-NUM_KEPT:]
            if mark is Mark.CHECKPOINT:
                self._checkpoint = snapshot
        if self.copier is not None:
            self.copier.send(snapshot)

    def wait_until_copied(self, timeout_s: float) -> None:
        """Raises ``StageFailure`` when the neighbour does not take the copy."""
        if self.copier is not None:
            self.copier.wait(timeout_s)

    def copied_s(self) -> float | None:
        """The seconds that the copy of the last snapshot took; None while it is under way."""
        return 0.0 if self.copier is None else self.copier.copied_s()

    def keep_copy(self, snapshot: StageSnapshot) -> None:
        """Keeps a neighbour's."""
        with self._lock:
            self._copies = [*self._copies, snapshot][-NUM_KEPT:]

    def checkpoint_position(self) -> Position | None:
        """The position of the stage's own checkpoint snapshot."""
        with self._lock:
            return None if self._checkpoint is None else self._checkpoint.cursor.position

    def held(self) -> tuple[HeldSnapshot, ...]:
        """All of them, the newest last of each kind."""
        return tuple(HeldSnapshot(s.start, s.end, s.cursor.position) for s in self._all())

    def get(self, start: int, position: Position) -> StageSnapshot | None:
        """The snapshot whose first layer is ``start``; None if it is no longer kept."""
        matches = (s for s in self._all() if (s.start, s.cursor.position) == (start, position))
        return next(matches, None)

    def _all(self) -> list[StageSnapshot]:
        with self._lock:
            pinned = [self._checkpoint] if self._checkpoint is not None else []
            return [*pinned, *self._own, *self._copies]
