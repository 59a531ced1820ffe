"""Signals that ask a command to end: Ctrl-C, SIGTERM, a closed terminal or pipe. All have the same
effect.

A signal is noted at any moment, but raises ``KeyboardInterrupt`` only inside ``interruptible()``.
So work outside, such as starting or ending a process, is always finished. The first signal begins
the orderly end. After that only another Ctrl-C interrupts, and only those parts of the end that are
``interruptible()``; it skips them.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
EVERYTHING = SIGNALS | {signal.SIGPIPE}
SAME_PRESS_S = 0.1
"""A wrapper may pass on a Ctrl-C that the terminal has sent to this process as well."""


class _Interrupts:
    """The state of one command."""

    def __init__(self) -> None:
        self.open: frozenset[int] = frozenset()  # what interrupts just now
        self.asked: int | None = None  # what it was that has interrupted first
        self._pending: int | None = None
        self._since_s = 0.0

    def note(self, number: int) -> None:
        if self.asked is None:
            if number in SIGNALS or self._pending is None:
                self._pending = number
        elif number == signal.SIGINT and time.monotonic() - self._since_s > SAME_PRESS_S:
            self._pending = number
        if threading.current_thread() is threading.main_thread():
            self.interrupt()

    def interrupt(self) -> None:
        """Raises ``KeyboardInterrupt`` if there is why."""
        if self._pending not in self.open:
            return
        if self.asked is None:
            self.asked = self._pending
        self._pending, self._since_s = None, time.monotonic()
        self.open = frozenset()  # until the next block: an interruption during its end changes that
        raise KeyboardInterrupt

    @property
    def is_ending(self) -> bool:
        return self.asked is not None or self._pending in SIGNALS


_command = _Interrupts()


@contextmanager
def heeded() -> Iterator[None]:
    """Installs the handlers for a command, replacing earlier ones, and restores those afterwards.

    A SIGHUP that was ignored from the start, as by nohup, stays ignored. Ctrl-C does not: a shell
    script ignores it for commands in the background, and `kill -INT` has to end those.
    """
    global _command
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _command = _Interrupts()
    before: dict[signal.Signals, Any] = {}
    for number in SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            before[number] = signal.signal(number, _note_signal)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)  # blocked by `execute_again`
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def interruptible(by: frozenset[int] = EVERYTHING) -> Iterator[None]:
    """Inside, what asks the command to end raises ``KeyboardInterrupt``, also what was noted
    before. It leaves as that, too, where the interrupted code has made another error of it, as
    Python 3.11 does where a class is built during an import."""
    state = _command
    before = state.open
    try:
        state.open = by
        state.interrupt()
        yield
    except Exception as error:
        if _was_made_of_interruption(error):
            raise KeyboardInterrupt from error
        raise
    finally:
        state.open = before


@contextmanager
def held() -> Iterator[None]:
    """Inside, what asks the command to end is only noted."""
    with interruptible(frozenset()):
        yield


def pipe_closed() -> None:
    """Nobody reads any more what the command writes."""
    _command.note(signal.SIGPIPE)


def is_ending() -> bool:
    """Whether the command was asked to end: its last words may not keep it."""
    return _command.is_ending


def exit_code() -> int:
    """A shell's exit code for the signal that interrupted the command."""
    return 128 + (_command.asked or signal.SIGINT)


def _was_made_of_interruption(error: BaseException) -> bool:
    """By ``raise … from``: an error that happens by itself while the command ends is another
    one."""
    cause = error.__cause__
    while cause is not None and not isinstance(cause, KeyboardInterrupt):
        cause = cause.__cause__
    return cause is not None


def _note_signal(number: int, _: Any) -> None:
    if signal.getsignal(signal.SIGALRM) is signal.SIG_DFL:  # so no alarm is Python's:
        signal.alarm(0)  # Ray's, while it connects, would abort the process
    _command.note(number)
