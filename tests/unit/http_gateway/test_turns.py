"""Work that is done one at a time, and the queue for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from actors.core.errors import Unavailable
from http_gateway.calls.turns import Turns


def never() -> bool:
    return False


class Crowd:
    """Threads that take turns."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.open = threading.Event()
        self.running = self.most = 0
        self.refused: list[str] = []
        self.threads: list[threading.Thread] = []

    def add(self, gone: Callable[[], bool] = never) -> threading.Thread:
        thread = threading.Thread(target=self._work, args=(gone,))
        thread.start()
        self.threads.append(thread)
        return thread

    def join(self) -> None:
        self.open.set()
        for thread in self.threads:
            thread.join(20)
            assert not thread.is_alive()

    def _work(self, gone: Callable[[], bool]) -> None:
        try:
            with self.turns.turn(gone):
                self.running += 1
                self.most = max(self.most, self.running)
                assert self.open.wait(20)
                self.running -= 1
        except Unavailable as error:
            self.refused.append(error.message)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_one_works_at_a_time_and_a_few_wait() -> None:
    crowd = Crowd(Turns("Cakes are baked", max_waiting=2))
    for _ in range(6):
        crowd.add()
    until(lambda: len(crowd.refused) == 3 and crowd.running == 1)
    crowd.join()
    assert crowd.most == 1 and len(crowd.refused) == 3
    assert all("nothing was done" in text for text in crowd.refused)


def test_who_has_gone_waits_no_longer() -> None:
    crowd = Crowd(Turns("Cakes are baked"))
    crowd.add()
    until(lambda: crowd.running == 1)
    left = threading.Event()
    leaving = crowd.add(left.is_set)
    left.set()
    leaving.join(20)
    assert len(crowd.refused) == 1
    crowd.join()


def test_the_wait_ends() -> None:
    crowd = Crowd(Turns("Cakes are baked", wait_s=0.1))
    crowd.add()
    until(lambda: crowd.running == 1)
    crowd.add().join(20)
    assert len(crowd.refused) == 1 and "nothing was done" in crowd.refused[0]
    crowd.join()


def test_an_error_gives_the_turn_on() -> None:
    turns = Turns("Cakes are baked")
    with pytest.raises(ZeroDivisionError), turns.turn(never):
        raise ZeroDivisionError
    with turns.turn(never):
        done: list[int] = []
        turns.if_free(lambda: done.append(1))
    turns.if_free(lambda: done.append(2))
    assert done == [2]
