"""What a LayerActor's process logs, kept until the JobManager has taken it."""

from __future__ import annotations

import functools
import logging
from collections import deque
from dataclasses import dataclass

MAX_WAITING = 1_000
MAX_CHARS = 4_000
OWN = "actors"
"""Of our own loggers ``INFO`` is kept, too; of others, such as libraries', warnings."""


@dataclass(frozen=True)
class LogLine:
    """``number`` counts the lines of a process from 0; ``at_ms`` is since 1970, UTC, by the
    device's own clock. ``logger`` is the name of what wrote it."""

    number: int
    at_ms: int
    level: str
    logger: str
    text: str


class LogLines(logging.Handler):
    """The latest lines that nobody has seen; any thread may log."""

    def __init__(self) -> None:
        super().__init__()
        self._count = 0
        self._waiting: deque[LogLine] = deque(maxlen=MAX_WAITING)

    def emit(self, record: logging.LogRecord) -> None:
        """logging's own; it holds the handler's lock."""
        try:
            text = self.format(record)
        except Exception:
            self.handleError(record)
            return
        at_ms = int(record.created * 1000)
        line = LogLine(self._count, at_ms, record.levelname, record.name, text[:MAX_CHARS])
        self._waiting.append(line)
        self._count += 1

    def after(self, num_seen: int) -> tuple[LogLine, ...]:
        """Forgets the first ``num_seen`` of the process, and returns the others."""
        self.acquire()
        try:
            while self._waiting and self._waiting[0].number < num_seen:
                self._waiting.popleft()
            return tuple(self._waiting)
        finally:
            self.release()


@functools.cache
def keep_log_lines() -> LogLines:
    """Those of this process from the first call on. Warnings go to stderr, too, where Ray keeps
    them: logging does that by itself only for a process without handlers."""
    lines, root = LogLines(), logging.getLogger()
    root.addHandler(lines)
    if logging.lastResort is not None:
        root.addHandler(logging.lastResort)
    logging.getLogger(OWN).setLevel(logging.INFO)
    return lines
