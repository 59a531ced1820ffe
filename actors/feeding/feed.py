"""Reads a limited number of blocks of rows ahead."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from actors.core.feeding.row_blocks import WantedRows


class BlockReader(Protocol):
    """Reads rows in other processes, several blocks at a time."""

    def start(self, wanted: WantedRows) -> Any:
        """Begins to read and transform a block, and returns at once."""

    def take(self, started: Any) -> torch.Tensor:
        """Waits for the block's rows. Raises a ``TandemError`` if they can't be read."""


class FeedEnded(Exception):
    """The session is over, so no more blocks come."""


@dataclass(frozen=True)
class _Failed:
    error: BaseException


class Feed:
    """Keeps ``num_ahead`` blocks read or being read, beside the one in use.

    A thread waits for blocks. The caller waits only if its next block is not here yet.
    """

    def __init__(self, blocks: Iterator[WantedRows], reader: BlockReader, num_ahead: int) -> None:
        self._blocks = blocks
        self._reader = reader
        self._here: queue.Queue[torch.Tensor | _Failed] = queue.Queue()
        self._room = threading.Semaphore(num_ahead)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        self._thread.start()

    def next_rows(self) -> torch.Tensor:
        """Returns the next block's rows, and makes room for another block. Raises the error of
        reading it."""
        found = self._here.get()  # comes in any case: ``take`` gives up in time, and fails
        if isinstance(found, _Failed):
            self._here.put(found)  # for whoever asks again
            raise found.error
        self._room.release()
        return found

    def close(self) -> None:
        """Stops reading. All threads that wait fail."""
        self._closed.set()
        self._room.release()
        self._here.put(_Failed(FeedEnded()))

    def _run(self) -> None:
        started: deque[Any] = deque()
        try:
            while not self._closed.is_set():
                self._fill(started)
                if not started:
                    return
                self._here.put(self._reader.take(started.popleft()))
        except BaseException as error:
            self._here.put(_Failed(error))

    def _fill(self, started: deque[Any]) -> None:
        """Starts as many reads as there is room for, and waits for room if none runs."""
        while self._room.acquire(blocking=not started):
            wanted = None if self._closed.is_set() else next(self._blocks, None)
            if wanted is None:
                return
            started.append(self._reader.start(wanted))
