"""Reads blocks of rows before they are asked for: so many, and no more."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch


class BlockReader(Protocol):
    """Reads rows somewhere else, several blocks at a time."""

    def start(self, samples: torch.Tensor) -> Any:
        """Begins to read the rows with these indices (int64 ``[n]``); returns at once."""

    def take(self, started: Any) -> torch.Tensor:
        """Its rows, once they are here. Raises a ``TandemError`` if they can't be had."""


class FeedEnded(Exception):
    """Nothing comes any more: the session is over."""


@dataclass(frozen=True)
class _Failed:
    error: BaseException


class Feed:
    """Keeps ``num_ahead`` blocks that are read or being read beside the one that is used.

    Its thread waits for blocks; who asks for the next one waits only where it is not here yet.
    """

    def __init__(
        self, blocks: Iterator[torch.Tensor], reader: BlockReader, num_ahead: int, name: str
    ) -> None:
        self._blocks = blocks
        self._reader = reader
        self._num_ahead = num_ahead
        self._here: queue.Queue[torch.Tensor | _Failed] = queue.Queue()
        self._room = threading.Semaphore(num_ahead)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def next_rows(self) -> torch.Tensor:
        """Of the next block; from now on there is room for another. Raises what reading it did."""
        found = self._here.get()
        if isinstance(found, _Failed):
            self._here.put(found)  # for whoever asks again
            raise found.error
        self._room.release()
        return found

    def close(self) -> None:
        """Reads no more, and fails whoever waits."""
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
        """Starts as many as there is room for, and waits for room where none is under way."""
        while self._room.acquire(blocking=not started):
            samples = None if self._closed.is_set() else next(self._blocks, None)
            if samples is None:
                return
            started.append(self._reader.start(samples))
