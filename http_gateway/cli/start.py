"""The entry point of the process ``tandem``."""

from __future__ import annotations

import signal
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command of ``arguments``, or of the command line.

    Before it has begun, there is nothing to end: Ctrl-C ends the process without a traceback.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from http_gateway.cli.main import app

    app(arguments)
