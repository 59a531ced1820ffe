"""A child process that runs one function of this package at a time and stays warm in between."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

TIMEOUT_S = 300.0


class Worker:
    """``call(function, *arguments)`` runs there; ``start`` and ``result`` are its two halves."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._own, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()

    def start(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._own.send((function, arguments))

    def result(self) -> Any:
        """Raises ``RuntimeError`` with what the function raised."""
        if not self._own.poll(TIMEOUT_S):
            raise RuntimeError(f"a benchmark's process did not answer within {TIMEOUT_S:.0f} s")
        value, error = self._own.recv()
        if error:
            raise RuntimeError(error)
        return value

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        self.start(function, *arguments)
        return self.result()

    def stop(self) -> None:
        self._process.terminate()
        self._process.join(10)


def _serve(connection: Connection) -> None:
    while True:
        function, arguments = connection.recv()
        try:
            connection.send((function(*arguments), None))
        except Exception as error:
            connection.send((None, f"{type(error).__name__}: {error}"))
