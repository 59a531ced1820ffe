"""A listener: which entries it wants, and how far they were sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from http_gateway.live.event_format import HEARTBEAT, encode
from http_gateway.server.open_response import OpenResponse

MAX_UNSENT_BYTES = 64 * 2**10
"""A client that has so much to take gets no more: it falls behind, and is read for by itself."""

Page = dict[str, Any]


class Subscription:
    """Wants entries of one job or, without a ``job_id``, of all; of those kinds, or all. Everything
    up to ``seq`` was sent, or is not wanted."""

    heartbeat = HEARTBEAT

    def __init__(
        self,
        job_id: str | None,
        kinds: Sequence[str] | None,
        join: Callable[[Subscription], None],
        leave: Callable[[Subscription], None],
    ) -> None:
        self.job_id = job_id
        self.kinds = None if kinds is None else tuple(kinds)
        self.seq = -1
        self._join = join
        self._leave = leave
        self._response: OpenResponse | None = None

    def opened(self, response: OpenResponse) -> None:
        """See ``Writer``."""
        self._response = response
        self._join(self)

    def closed(self) -> None:
        """See ``Writer``."""
        self._leave(self)

    @property
    def has_room(self) -> bool:
        response = self._response
        return response is not None and response.num_unsent < MAX_UNSENT_BYTES

    def take(self, page: EncodedPage) -> None:
        """Sends what is wanted of the page and was not sent yet."""
        data = page.part(self.job_id, self.kinds, self.seq)
        if data and self._response is not None:
            self._response.write(data)
        self.seq = max(self.seq, page.next_after)

    def end(self) -> None:
        """Nothing more comes."""
        response, self._response = self._response, None
        if response is not None:
            response.end()


class EncodedPage:
    """A page of the log. What several listeners want alike is encoded once."""

    def __init__(self, page: Page) -> None:
        self.next_after: int = page["next_after"]
        self._entries = [(entry, encode(entry)) for entry in page["events"]]
        self._parts: dict[tuple[Any, ...], bytes] = {}

    def part(self, job_id: str | None, kinds: tuple[str, ...] | None, after: int) -> bytes:
        """The entries of that job and those kinds behind ``after``, encoded."""
        key = job_id, kinds, after
        if key not in self._parts:
            self._parts[key] = b"".join(
                encoded
                for entry, encoded in self._entries
                if entry["seq"] > after
                and job_id in (None, entry["job_id"])
                and (kinds is None or entry["kind"] in kinds)
            )
        return self._parts[key]
