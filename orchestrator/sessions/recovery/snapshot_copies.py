"""The JobManager as a neighbour: it keeps the snapshots of stages that train alone."""

from __future__ import annotations

import threading

from actors.copies.snapshot_keeper import HeldSnapshot, SnapshotKeeper
from actors.copies.snapshot_transport import SentSnapshot, fetch
from actors.core.progress.snapshots import Position, StageSnapshot


class SnapshotCopies:
    """The copies of each group; many threads call it."""

    def __init__(self) -> None:
        self._keepers: dict[str, SnapshotKeeper] = {}
        self._lock = threading.Lock()

    def open(self, group: str) -> None:
        """Begins to keep copies of this group."""
        with self._lock:
            self._keepers[group] = SnapshotKeeper()

    def close(self, group: str) -> None:
        """Forgets them."""
        with self._lock:
            self._keepers.pop(group, None)

    def keep(self, group: str, sent: SentSnapshot) -> None:
        """One more; nothing for a group that has ended."""
        keeper = self._keeper(group)
        if keeper is not None:
            keeper.keep_copy(fetch(sent))

    def held(self, group: str) -> tuple[HeldSnapshot, ...]:
        """The copies that are kept of the group."""
        keeper = self._keeper(group)
        return () if keeper is None else keeper.held()

    def get(self, group: str, start: int, position: Position) -> StageSnapshot | None:
        """One of them."""
        keeper = self._keeper(group)
        return None if keeper is None else keeper.get(start, position)

    def _keeper(self, group: str) -> SnapshotKeeper | None:
        with self._lock:
            return self._keepers.get(group)
