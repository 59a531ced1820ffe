"""Tells stage 0 that the copies of a snapshot have arrived, without separate messages."""

from __future__ import annotations

from actors.copies.snapshot_keeper import SnapshotKeeper
from actors.loop.stage_io import StageLinks


class CopyNews:
    """News of one stage and all behind it. Each message that goes back carries it to the stage
    before: gradients or, where there are none, the messages that replace them."""

    def __init__(self, keeper: SnapshotKeeper, links: StageLinks) -> None:
        self._keeper = keeper
        self._behind = links.backward_in
        if links.backward_out is not None:
            links.backward_out.copied_s = self.slowest_s

    def begin(self) -> None:
        """A snapshot was taken: what came before is of the one before. All stages take it between
        the same two messages, so what comes from now on is of this one."""
        if self._behind is not None:
            self._behind.copied_s = None

    def slowest_s(self) -> float | None:
        """The seconds of the slowest copy of the last snapshot; None while one is under way, or
        without news."""
        own = self._keeper.copied_s()
        behind = 0.0 if self._behind is None else self._behind.copied_s
        return None if own is None or behind is None else max(own, behind)
