"""Reads what a script in another process has printed for the test."""

from __future__ import annotations

import json
from typing import Any


def printed_json(stdout: str) -> Any:
    """The last line that is JSON: Ray may print its own lines after it."""
    for line in reversed(stdout.splitlines()):
        try:
            return json.loads(line)
        except json.JSONDecodeError:
            continue
    raise AssertionError(f"no line of JSON was printed: {stdout!r}")
