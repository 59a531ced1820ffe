"""Tries ``StreamReceiver`` in this process and a ``StreamSender`` in an actor, over real Ray.

``python -m tests.support.streams ADDRESS STORAGE`` prints the name and result of each trial as
JSON. Ray's authentication is that of the embedded cluster of the storage path.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from orchestrator.cluster.local_cluster import cluster_auth

SIZES = (10, 1_000_000, 0, 200_000)
NUM_MESSAGES = 60
SOON_S = 20.0
NEVER_S = 600.0


class Neighbour:
    """The actor with the sending half."""

    def open(self) -> tuple[str, int]:
        """A new channel; returns its id and the number of this process."""
        from actors.channels.actor_calls import StreamSender

        self._sender = StreamSender("stage 0 -> stage 1")
        return self._sender.stream_id, os.getpid()

    def results(self, stream_id: str) -> Iterator[Any]:
        assert stream_id == self._sender.stream_id
        yield from self._sender.results()

    def send(self, first: int, end: int) -> None:
        for number in range(first, end):
            self._sender.put((message(number),), SOON_S)

    def close(self) -> None:
        self._sender.close()


def message(number: int) -> bytes:
    """Each unlike its neighbours; Ray takes small and large ones by different ways."""
    return number.to_bytes(4, "little") + bytes(SIZES[number % len(SIZES)])


class Trials:
    """One after another, each with its own channel."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def order(self) -> list[int]:
        """Numbers of the messages, or -1 for one that was changed on its way."""
        receiver, _ = self._channel()
        self._actor.send.remote(0, NUM_MESSAGES)
        came = [receiver.get(SOON_S) for _ in range(NUM_MESSAGES)]
        numbers = [int.from_bytes(data[:4], "little") for data in came]
        return [n if message(n) == data else -1 for n, data in zip(numbers, came, strict=True)]

    def nothing_in_time(self) -> list[Any]:
        """And then a message that comes after all."""
        receiver, _ = self._channel()
        ended = outcome(lambda: receiver.get(0.7))
        self._actor.send.remote(7, 8)
        return [ended, int.from_bytes(receiver.get(SOON_S)[:4], "little")]

    def closed_here(self) -> list[str]:
        receiver, _ = self._channel()
        return while_waiting(receiver, receiver.close)

    def closed_there(self) -> list[str]:
        receiver, _ = self._channel()
        return while_waiting(receiver, lambda: self._actor.close.remote())

    def killed(self) -> list[str]:
        receiver, pid = self._channel()
        return while_waiting(receiver, lambda: os.kill(pid, signal.SIGKILL))

    def _channel(self) -> tuple[Any, int]:
        import ray

        from actors.channels.actor_calls import StreamReceiver

        stream_id, pid = ray.get(self._actor.open.remote(), timeout=60)
        return StreamReceiver(self._actor.results, stream_id, "stage 0 -> stage 1"), pid


def outcome(call: Callable[[], Any]) -> str:
    """The kind of error and what it says."""
    try:
        return f"nothing was raised: {call()!r}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def while_waiting(receiver: Any, event: Callable[[], object]) -> list[str]:
    """The result of a ``get`` during which the event happens, and of the next one; nothing if it
    goes on waiting."""
    outcomes: list[str] = []

    def wait() -> None:
        begun.set()
        outcomes.append(outcome(lambda: receiver.get(NEVER_S)))
        outcomes.append(outcome(lambda: receiver.get(NEVER_S)))

    begun = threading.Event()
    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    begun.wait(SOON_S)
    event()
    thread.join(SOON_S)
    return list(outcomes)


def main(address: str, storage: str) -> None:
    os.environ.update(cluster_auth(Path(storage)))
    from orchestrator.connection.ray_connection import connect

    connect(address)
    import ray

    # Each channel keeps a thread, and a method that is called during that needs another one.
    trials = Trials(ray.remote(num_cpus=0, max_concurrency=8)(Neighbour).remote())
    in_turn = (trials.order, trials.nothing_in_time, trials.closed_here, trials.closed_there)
    found = {trial.__name__: trial() for trial in (*in_turn, trials.killed)}
    print(json.dumps(found), flush=True)
    os._exit(0)  # a thread that goes on waiting keeps nobody


if __name__ == "__main__":
    main(*sys.argv[1:])
