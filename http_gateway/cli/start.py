"""Where the process ``tandem`` begins."""

from __future__ import annotations

import signal
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command of ``arguments``, or else of the command line.

    Until it has begun nothing is there to be ended: a Ctrl-C ends the process without a traceback.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from http_gateway.cli.main import app

    app(arguments)
