"""Keeps the output of Ray's libraries away from this process's stderr, where a user reads Tandem's
messages."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOG_NAME = "ray-connect.log"
STDERR = 2


@contextmanager
def ray_words_kept(log: Path | None) -> Iterator[None]:
    """During the block stderr is the file ``log``, also for libraries that are not Python; None
    leaves it.

    If the folder can't be written, the output is dropped.
    """
    kept = None if log is None else _redirect(log)
    try:
        yield
    finally:
        if kept is not None:
            _flush()
            os.dup2(kept, STDERR)
            os.close(kept)


def _redirect(log: Path) -> int | None:
    """The former stderr; None if there was none."""
    try:
        kept = os.dup(STDERR)
    except OSError:  # it was closed before this process began
        return None
    _flush()
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        opened = os.open(log, flags, 0o600)
    except OSError:
        opened = os.open(os.devnull, os.O_WRONLY)
    os.dup2(opened, STDERR)
    os.close(opened)
    return kept


def _flush() -> None:
    with suppress(OSError, ValueError, AttributeError):  # closed, or none
        sys.stderr.flush()
