"""Makes printing safe: no text, no pipe and no terminal keeps a command from ending."""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from typing import Any, TextIO

from http_gateway.process import interrupts

LAST_WORDS_S = 1.0  # where nobody reads what is written at the end
PIECE = 4096  # bytes that a pipe takes without waiting, once it takes any


class _Output(io.RawIOBase):
    """A descriptor; what it does not take is dropped, and ``error`` says why."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.error: OSError | None = None

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: Any) -> int:
        """Writes at least a part of it, as usual; all of it if it is dropped."""
        piece = memoryview(data)[:PIECE]
        try:
            if self._is_ready():
                return os.write(self._descriptor, piece)
            self.error = TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        except BlockingIOError:
            select.select([], [self._descriptor], [], LAST_WORDS_S)
            return 0
        except BrokenPipeError as error:
            self.error = error
            interrupts.pipe_closed()
        except OSError as error:
            self.error = error
        return len(data)

    def _is_ready(self) -> bool:
        if not interrupts.is_ending():
            return True  # it may wait, and is interrupted then
        wait_s = LAST_WORDS_S if self.error is None else 0.0
        return bool(select.select([], [self._descriptor], [], wait_s)[1])


def make_safe() -> None:
    """Makes stdout and stderr safe, unless a test has replaced them."""
    _fill_gaps()
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is getattr(sys, f"__{name}__"):
            setattr(sys, name, _safe(stream, descriptor))


def notice_closed_pipe() -> None:
    """For what shows something now and then: as if it had just written to stdout."""
    if not isinstance(getattr(getattr(sys.stdout, "buffer", None), "raw", None), _Output):
        return
    poller = select.poll()
    poller.register(1, 0)
    if any(event & select.POLLERR for _, event in poller.poll(0)):
        interrupts.pipe_closed()


def failed() -> OSError | None:
    """Why some output could not be printed; a closed pipe does not count."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    error = raw.error if isinstance(raw, _Output) else None
    return None if isinstance(error, BrokenPipeError) else error


def _safe(stream: TextIO | None, descriptor: int) -> TextIO:
    if stream is None:  # closed from the start
        return open(os.devnull, "w", encoding="utf-8")
    stream.flush()
    errors = "replace" if stream.errors == "strict" else stream.errors
    return io.TextIOWrapper(
        io.BufferedWriter(_Output(descriptor)),
        encoding=stream.encoding,
        errors=errors,
        line_buffering=bool(stream.line_buffering),
    )


def _fill_gaps() -> None:
    """Libraries write to these numbers: no file or socket may get the number of a closed stdout."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # which takes the lowest number that is free
