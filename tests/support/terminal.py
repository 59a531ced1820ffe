"""A command at its own terminal, as a person sees it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CTRL_C = "\x03"
START_TIMEOUT_S = 90.0


@dataclass
class Terminal:
    """The output of a command so far, and the keys."""

    process: subprocess.Popen[bytes]
    descriptor: int
    shown: str = ""

    @classmethod
    @contextmanager
    def running(
        cls, command: Sequence[str], env: Mapping[str, str], folder: Path
    ) -> Iterator[Terminal]:
        """The command, which is ended if it has not ended by itself."""
        ours, its = pty.openpty()
        process = subprocess.Popen(
            command,
            env=dict(env),
            cwd=folder,
            stdin=its,
            stdout=its,
            stderr=its,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # where passwords are read
        )
        os.close(its)
        try:
            yield cls(process, ours)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(5)
            os.close(ours)

    def type(self, keys: str) -> None:
        os.write(self.descriptor, keys.encode())

    def type_hidden(self, keys: str, timeout_s: float = 10.0) -> None:
        """Once nothing that is typed is shown: what comes before that is thrown away."""
        deadline = time.monotonic() + timeout_s
        while termios.tcgetattr(self.descriptor)[3] & termios.ECHO:
            assert time.monotonic() < deadline, f"it would be shown: {self.shown}"
            time.sleep(0.01)
        self.type(keys)

    def wait_for(self, words: str, timeout_s: float = START_TIMEOUT_S) -> None:
        """Until it has shown ``words``."""
        deadline = time.monotonic() + timeout_s
        while words not in self.shown:
            left = max(0.0, deadline - time.monotonic())
            assert select.select([self.descriptor], [], [], left)[0], f"no {words!r}: {self.shown}"
            try:
                self.shown += os.read(self.descriptor, 4096).decode(errors="replace")
            except OSError:  # it has ended
                raise AssertionError(f"it ended without {words!r}: {self.shown}") from None
