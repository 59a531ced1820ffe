"""Checks, before LayerActors start, whether this host has the memory for them. If it has not, the
system may end any process, without a reason."""

from __future__ import annotations

import time
from collections.abc import Callable

from actors.core.units import size_text
from actors.host.host_limits import Memory, usable_memory
from orchestrator.planning.job_planning import PROCESS_BYTES

PATIENCE_S = 5.0
"""A process that has just ended gives its memory back after a moment."""
LOOK_S = 0.1


def lacking_memory(
    num_actors: int,
    loads: bool,
    memory: Callable[[], Memory] = usable_memory,
    sleep: Callable[[float], None] = time.sleep,
    patience_s: float = PATIENCE_S,
) -> str | None:
    """Why this host lacks the memory for this many more LayerActors, and for the process that
    ``loads`` the data unless that has begun; None if it has the memory, or if the system does not
    say. Tries for ``patience_s`` before it gives up."""
    needed = (num_actors + loads) * PROCESS_BYTES
    left, looks = memory().available_bytes, int(patience_s / LOOK_S)
    while left is not None and left < needed and looks > 0:
        sleep(LOOK_S)
        left, looks = memory().available_bytes, looks - 1
    if left is None or left >= needed:
        return None
    total = memory().total_bytes
    of_all = "" if total is None else f" of {size_text(total)}"
    return (
        f"The gateway's host has {size_text(left)}{of_all} of memory left, but needs some "
        f"{size_text(needed)} to start {num_actors} of its devices, before they have a layer. Use "
        "fewer of its devices, end other programs there, or give its container more memory"
    )
