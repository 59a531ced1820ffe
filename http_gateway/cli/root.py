"""Runs every command: handles interruptions and output, and ends with an exit code."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

from http_gateway.cli.options import PlainGroup
from http_gateway.process import output
from http_gateway.process.interrupts import exit_code, heeded, interruptible, is_ending

INTERRUPTED = 130  # what typer makes of any interruption


class Root(PlainGroup):
    """The group of all commands."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Ends with 128 and the signal's number where a command was interrupted and says no other
        exit code, and not with 0 where nobody did that and something could not be printed."""
        output.make_safe()
        with heeded():
            try:
                with interruptible():
                    return super().main(*args, **kwargs)
            except KeyboardInterrupt:
                raise SystemExit(exit_code()) from None
            except SystemExit as end:
                if end.code == INTERRUPTED and is_ending():
                    raise SystemExit(exit_code()) from None
                if not end.code and not is_ending() and _is_cut_off():
                    raise SystemExit(1) from None
                raise


def _is_cut_off() -> bool:
    with suppress(OSError):
        sys.stdout.flush()
    if (error := output.failed()) is None:
        return False
    print(f"tandem: some output could not be printed: {error.strerror}", file=sys.stderr)
    return True
