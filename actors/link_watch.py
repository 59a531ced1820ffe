"""Whether the neighbours still answer over the links that the messages take, and the JobManager.

Two devices may both be well and yet not reach each other; a LayerActor that nobody asks any more
was given up by a JobManager that can't reach it, and ends itself.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import ray

from actors.background import Rounds

PING_INTERVAL_S = 0.25
LEASE_S = 60.0


@dataclass
class _Neighbour:
    actor: Any
    answered_s: float
    ping: Any = None


@dataclass
class LinkWatch:
    """Pings the neighbours while a stage runs."""

    _neighbours: dict[int, _Neighbour] = field(default_factory=dict)
    _polled_s: float = 0.0
    _ended: threading.Event = field(default_factory=threading.Event)

    def add(self, stage: int, actor: Any) -> None:
        """The actor of a stage that this one sends messages or copies to."""
        self._neighbours[stage] = _Neighbour(actor, time.monotonic())

    def polled(self) -> None:
        """The JobManager has asked."""
        self._polled_s = time.monotonic()

    def silent_s(self) -> dict[int, float]:
        """By stage, the seconds since a neighbour last answered."""
        now_s = time.monotonic()
        return {stage: now_s - n.answered_s for stage, n in self._neighbours.items()}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Watches during the block."""
        now_s = self._polled_s = time.monotonic()
        for neighbour in self._neighbours.values():
            neighbour.answered_s = now_s
        thread = threading.Thread(target=self._watch, name="link-watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def _watch(self) -> None:
        rounds = Rounds("The watch over the links")
        while not self._ended.wait(PING_INTERVAL_S):
            for neighbour in self._neighbours.values():
                with rounds.round():
                    _ask(neighbour)
            if time.monotonic() - self._polled_s > LEASE_S:
                print(f"Nobody has polled this LayerActor for {LEASE_S:.0f} s: it ends", flush=True)
                os._exit(1)


def _ask(neighbour: _Neighbour) -> None:
    """Takes note of an answer and asks again; a dead neighbour's error is no answer."""
    if neighbour.ping is not None:
        done, _ = ray.wait([neighbour.ping], timeout=0)
        if not done:
            return
        try:
            ray.get(neighbour.ping)
            neighbour.answered_s = time.monotonic()
        except ray.exceptions.RayError:
            pass
    neighbour.ping = neighbour.actor.pong.remote()
