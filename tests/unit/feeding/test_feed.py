"""Blocks are read ahead, so many and no more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
import torch

from actors.core.errors import DatasetUnavailable
from actors.core.feeding.row_blocks import WantedRows
from actors.feeding.feed import Feed, FeedEnded

WAIT_S = 20.0


class Reader:
    """Block i has the number i; each can be had once its event is set."""

    def __init__(self, count: int, are_here: bool = True) -> None:
        self.here = [threading.Event() for _ in range(count)]
        self.started: list[int] = []
        self.begun = threading.Semaphore(0)
        if are_here:
            for event in self.here:
                event.set()

    def start(self, wanted: WantedRows) -> int:
        number = int(wanted.samples)
        self.started.append(number)
        self.begun.release()
        return number

    def take(self, started: int) -> torch.Tensor:
        assert self.here[started].wait(WAIT_S)
        if started == 66:
            raise DatasetUnavailable("the file of block 66 is gone")
        return torch.tensor([started])

    def wait_for_starts(self, count: int) -> None:
        for _ in range(count):
            assert self.begun.acquire(timeout=WAIT_S)


def numbers(count: int, first: int = 0) -> Iterator[WantedRows]:
    return (WantedRows(torch.tensor(i)) for i in range(first, count))


def test_blocks_come_in_their_order() -> None:
    feed = Feed(numbers(20), Reader(20), 3)
    assert [int(feed.next_rows()) for _ in range(20)] == list(range(20))


def test_no_more_are_read_than_there_is_room_for() -> None:
    reader = Reader(10)
    with closing(Feed(numbers(10), reader, 3)) as feed:
        reader.wait_for_starts(3)
        assert not reader.begun.acquire(timeout=0.2), "a fourth one, before the first was taken"
        assert int(feed.next_rows()) == 0
        reader.wait_for_starts(1)
        assert reader.started == [0, 1, 2, 3]


def test_several_are_read_at_a_time() -> None:
    reader = Reader(4, are_here=False)
    with closing(Feed(numbers(4), reader, 3)) as feed:
        reader.wait_for_starts(3)
        for event in reader.here:
            event.set()
        assert [int(feed.next_rows()) for _ in range(4)] == [0, 1, 2, 3]


def test_what_reading_raises_comes_in_its_place_and_again() -> None:
    feed = Feed(numbers(80, first=65), Reader(80), 2)
    assert int(feed.next_rows()) == 65
    for _ in range(2):
        with pytest.raises(DatasetUnavailable, match="block 66"):
            feed.next_rows()


def test_who_waits_is_woken_when_it_is_closed() -> None:
    reader = Reader(2, are_here=False)
    feed = Feed(numbers(2), reader, 1)
    reader.wait_for_starts(1)
    threading.Timer(0.05, feed.close).start()
    with pytest.raises(FeedEnded):
        feed.next_rows()
    reader.here[0].set()
