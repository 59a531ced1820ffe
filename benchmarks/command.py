"""How every benchmark runs and ends: what it has started ends with it."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from http_gateway.process.interrupts import exit_code, heeded, interruptible

STOP_TIMEOUT_S = 150.0
"""A benchmark's own gateway saves what it trains first."""


def run(main: Callable[[], None]) -> None:
    """Ctrl-C, SIGTERM and a closed terminal end it alike: its ``finally`` blocks run, and no
    further signal cuts them short."""
    with heeded():
        try:
            with interruptible():
                main()
        except KeyboardInterrupt:
            raise SystemExit(exit_code()) from None


@contextmanager
def child(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A process that starts others itself. If the block is left before it has ended, it is asked to
    end as by Ctrl-C, so that it ends those, and waited for. Its session is its own: a Ctrl-C in the
    terminal reaches it through here only."""
    process = subprocess.Popen(command, text=True, start_new_session=True, **options)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
