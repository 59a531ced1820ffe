"""Which snapshots to go back to when some of their holders are gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from actors.copies.snapshot_keeper import HeldSnapshot
from actors.core.snapshots import Position


@dataclass(frozen=True)
class Rollback:
    """The position to go back to, and for each stage who has its snapshot of it."""

    position: Position
    holders: tuple[int, ...]


def plan_rollback(
    ranges: Sequence[tuple[int, int]], held: Mapping[int, Sequence[HeldSnapshot]]
) -> Rollback | None:
    """The newest position of which the holders have every stage together; None without one.

    ``ranges`` are the stages' layers ``[start, end)``; ``held`` tells by holder what it has.
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
