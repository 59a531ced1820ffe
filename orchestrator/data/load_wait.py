"""Waits for a data set to be loaded: as long as its bytes take, and on while they still come."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import ray

from actors.core.patience import patience_s
from actors.core.units import size_text

BASE_S = 600.0
"""For what no file tells: a server that is slow to answer, a host that is busy."""
LOOK_S = 5.0


class LoadStalled(Exception):
    """It took too long; the words follow the data set's name."""


def wait_for_load(
    reference: Any,
    num_bytes: Callable[[], int],
    clock: Callable[[], float] = time.monotonic,
) -> Any:
    """What the reference stands for; raises Ray's errors, and ``LoadStalled``.

    ``num_bytes`` tells how many bytes of the data set are on this host's disk by now: each look
    that finds more gives all of them their time anew.
    """
    most, limit_s, deadline = -1, 0.0, 0.0
    while True:
        found = num_bytes()
        if found > most:
            most, limit_s = found, patience_s(found, BASE_S)
            deadline = clock() + limit_s
        left_s = deadline - clock()
        try:
            return ray.get(reference, timeout=min(LOOK_S, max(0.0, left_s)))
        except ray.exceptions.GetTimeoutError as error:
            if left_s <= 0:
                came = (
                    f"{size_text(most)} of it are here, and no more came" if most else "none came"
                )
                raise LoadStalled(f"was not loaded within {limit_s:.0f} s: {came}") from error
