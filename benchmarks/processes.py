"""Measures the resources of processes, from outside."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LOOK_INTERVAL_S = 0.01


@dataclass
class OwnMemory:
    """The most private memory, shared with no other process, that a process had."""

    peak_bytes: int = 0


def peak_bytes(pid: int) -> int:
    """The most resident memory that a process has had so far, pages that it shares included."""
    return _status_bytes(pid, "VmHWM")


@contextmanager
def own_memory(pids: Sequence[int]) -> Iterator[list[OwnMemory]]:
    """Looks at them all the time until the block ends; a peak shorter than ``LOOK_INTERVAL_S``
    may be missed, for the system keeps none of this kind. Raises ``RuntimeError`` at the end where
    one of them has ended before."""
    found = [OwnMemory() for _ in pids]
    gone: list[int] = []
    ended = threading.Event()

    def look() -> None:
        is_last = False
        while not gone and not is_last:
            is_last = ended.wait(LOOK_INTERVAL_S)
            for pid, memory in zip(pids, found, strict=True):
                try:
                    memory.peak_bytes = max(memory.peak_bytes, _status_bytes(pid, "RssAnon"))
                except (OSError, StopIteration):  # one that nobody has waited for has no memory
                    gone.append(pid)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()
    if gone:
        raise RuntimeError(f"process {gone[0]} ended while its memory was looked at")


def _status_bytes(pid: int, name: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024
