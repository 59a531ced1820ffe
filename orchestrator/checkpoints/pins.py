"""Keeps a checkpoint's files in place as long as somebody reads them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.errors import StorageUnavailable

TAKING_TIMEOUT_S = 60.0


class Pins:
    """By the name of the folder; any thread may ask. Readers wait for a deletion under way. A
    deletion does not wait for readers, but is put off."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._readers: Counter[str] = Counter()
        self._taken: set[str] = set()

    @contextmanager
    def reading(self, folder: str) -> Iterator[None]:
        """Nothing there is deleted within the block. Raises ``StorageUnavailable``."""
        with self._changed:
            if not self._changed.wait_for(lambda: folder not in self._taken, TAKING_TIMEOUT_S):
                raise StorageUnavailable(
                    f"Files of {folder} are being deleted, which has taken more than "
                    f"{TAKING_TIMEOUT_S:.0f} s: is the disk too slow or overloaded?"
                )
            self._readers[folder] += 1
        try:
            yield
        finally:
            with self._changed:
                self._readers[folder] -= 1
                self._readers += Counter()  # forgets folders without readers

    @contextmanager
    def taking(self, folder: str) -> Iterator[bool]:
        """Whether files may be deleted there within the block: nobody reads, one alone takes."""
        with self._changed:
            free = folder not in self._taken and not self._readers[folder]
            if free:
                self._taken.add(folder)
        try:
            yield free
        finally:
            if free:
                with self._changed:
                    self._taken.discard(folder)
                    self._changed.notify_all()
