"""How to wait for what can only be looked at."""

from __future__ import annotations

import time

POLL_S = 0.00005
MAX_POLL_S = 0.0005
POLL_SHARE = 0.02
"""A sleep takes that share of the time waited so far, within these bounds: long waits cost little
of the core, and a message is noticed late by little of the wait."""


def pause(waited_s: float) -> None:
    """Between two looks."""
    time.sleep(min(max(POLL_S, waited_s * POLL_SHARE), MAX_POLL_S))
