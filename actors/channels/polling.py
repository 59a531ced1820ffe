"""How to wait for something that can only be polled."""

from __future__ import annotations

import time

POLL_S = 0.00005
MAX_POLL_S = 0.0005
POLL_SHARE = 0.02
"""Each sleep is this share of the time waited so far, within the two bounds. So a long wait uses
little of the core, and a message is noticed after at most a small share of the wait."""


def pause(waited_s: float) -> None:
    """Sleeps between two polls."""
    time.sleep(min(max(POLL_S, waited_s * POLL_SHARE), MAX_POLL_S))
