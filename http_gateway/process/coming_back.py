"""If a gateway's Ray head is gone, the gateway begins again, as the same process at the same port.

A driver can't outlive its head: Ray ends its process a minute later, and does not reliably let a
process be a driver twice. So the gateway executes its own command line again. It hands over its
listening socket, so that no caller is refused in the meantime, and answers 503 until there is a
head.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

from actors.core.errors import Unavailable
from http_gateway.operations.operation import ManagerCall
from http_gateway.process.interrupts import SIGNALS

VARIABLE = "_TANDEM_COMING_BACK"
OPEN_FILES = "/dev/fd"


@dataclass(frozen=True)
class ComingBack:
    """What the gateway hands over to itself: its listening socket, and what it waits for."""

    listener_fd: int
    reason: str

    @classmethod
    def take(cls, environ: MutableMapping[str, str]) -> ComingBack | None:
        """Takes what was handed over, once: processes that this one starts must not find it."""
        left = environ.pop(VARIABLE, None)
        return None if left is None else cls(**json.loads(left))

    def listener(self) -> socket.socket:
        """The socket that is already bound and listens."""
        listener = socket.socket(fileno=self.listener_fd)
        listener.set_inheritable(False)
        return listener


class WaitingJobClient:
    """Stands for the JobClient until there is a JobManager, and says what it waits for."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def call(self, call: ManagerCall, arguments: dict[str, Any]) -> NoReturn:
        """Raises ``Unavailable``."""
        raise Unavailable(self.reason)


class SwitchedApp:
    """A WSGI application that another one can take the place of while it is served."""

    app: Any = None

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self.app(environ, start_response)


def execute_again(listener: socket.socket, reason: str, environ: Mapping[str, str]) -> NoReturn:
    """Runs the same command line in this very process, with its original environment.

    A signal to end is blocked until the command has begun, because nothing would handle it earlier;
    it arrives then.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    _reap_children()
    keep = listener.fileno()
    _close_at_exec(int(name) for name in os.listdir(OPEN_FILES) if int(name) > 2)
    os.set_inheritable(keep, True)
    left = json.dumps(asdict(ComingBack(keep, reason)))
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**environ, VARIABLE: left})


def _close_at_exec(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        with contextlib.suppress(OSError):  # the listing's own is closed by now
            os.set_inheritable(descriptor, False)


def _reap_children() -> None:
    """Those that have ended: nobody would ask for them any more."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
