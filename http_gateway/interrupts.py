"""Ctrl-C and SIGTERM, alike for everything that runs until then."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGINT and SIGTERM raise ``KeyboardInterrupt``, once: the orderly end is not disturbed."""
    numbers = (signal.SIGINT, signal.SIGTERM)

    def interrupt(*_: Any) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
