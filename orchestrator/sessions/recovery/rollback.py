"""Chooses the snapshots to go back to when some of their holders are gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from actors.copies.snapshot_keeper import HeldSnapshot
from actors.core.progress.snapshots import Position


@dataclass(frozen=True)
class Rollback:
    """The position to go back to, and the holder of each stage's snapshot of it."""

    position: Position
    holders: tuple[int, ...]


def plan_rollback(
    ranges: Sequence[tuple[int, int]], held: Mapping[int, Sequence[HeldSnapshot]]
) -> Rollback | None:
    """The newest position of which the holders together have every stage; None if there is none.

    ``ranges`` are the stages' layers ``[start, end)``; ``held`` has each holder's snapshots.
    """
    holders: dict[tuple[int, int], dict[Position, int]] = {layers: {} for layers in ranges}
    for holder, snapshots in held.items():
        for snapshot in snapshots:
            found = holders.get((snapshot.start, snapshot.end))
            if found is not None:
                found.setdefault(snapshot.position, holder)
    common = set.intersection(*(set(found) for found in holders.values()))
    if not common:
        return None
    newest = max(common)
    return Rollback(newest, tuple(holders[layers][newest] for layers in ranges))
