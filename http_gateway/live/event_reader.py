"""A client's end of a stream of events, which comes back after an interruption."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import requests

from http_gateway.live.event_format import LAST_EVENT_ID, MEDIA_TYPE, decode

AGAIN_S = 0.5
SILENCE_S = 40.0
"""Longer than between two signs of life."""

Headers = dict[str, str]


class EventReader:
    """Iterates over the entries of the log, and over a None for each sign of life in between.

    ``ask`` sends the request with these headers. An error that ``may_pass`` is raised once it has
    lasted for ``patience_s``, and ``on_silence`` is called once for each such interruption.
    """

    def __init__(
        self,
        ask: Callable[[Headers], requests.Response],
        may_pass: Callable[[Exception], bool],
        patience_s: float,
        on_silence: Callable[[Exception], None] | None = None,
    ) -> None:
        self._ask = ask
        self._may_pass = may_pass
        self._patience_s = patience_s
        self._on_silence = on_silence
        self._seq: int | None = None
        self._silent_since: float | None = None

    def __iter__(self) -> Iterator[dict[str, Any] | None]:
        while True:
            try:
                yield from self._listen()
            except Exception as error:
                self._note(error)
            time.sleep(AGAIN_S)

    def _listen(self) -> Iterator[dict[str, Any] | None]:
        """Until the server ends the stream."""
        headers = {"Accept": MEDIA_TYPE}
        if self._seq is not None:
            headers[LAST_EVENT_ID] = str(self._seq)
        with self._ask(headers) as response:
            if not response.headers.get("Content-Type", "").startswith(MEDIA_TYPE):
                raise requests.exceptions.InvalidJSONError("it sends no events")
            for received in decode(response.iter_content(None)):
                self._silent_since = None
                if received.seq is not None:
                    self._seq = received.seq
                yield received.entry

    def _note(self, error: Exception) -> None:
        """Raises it once it has lasted too long."""
        now = time.monotonic()
        if not self._may_pass(error):
            raise error
        if self._silent_since is None:
            self._silent_since = now
            if self._on_silence is not None:
                self._on_silence(error)
        if now - self._silent_since >= self._patience_s:
            raise error
