"""Sends new entries of the log to all who listen, and asks the JobManager once for all of them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from actors.background import Rounds
from actors.core.errors import CallerError, Unavailable
from http_gateway.live.subscription import EncodedPage, Page, Subscription
from http_gateway.operations.operation import JobClient, ManagerCall

MAX_STREAMS = 100
TURN_S = 0.5
"""Between two looks at the log: to ask takes some milliseconds of a core that trains, too."""
TROUBLE_S = 2.0
PAGE = 1_000
MAX_PAGES = 20
"""The most in a turn, for those who are at the end."""
BEHIND_S = 0.02
"""Between two turns while somebody is behind, who gets a page in each."""
READ_LOG = ManagerCall(name="read_log", timeout_s=10.0, may_repeat=True, is_quick=True)


class EventHub:
    """Has a thread as long as somebody listens. Each listener has its own place in the log: those
    at its end get the same pages, and one who is behind is read for alone, no faster than it takes
    what it gets."""

    def __init__(self, client: JobClient, max_streams: int = MAX_STREAMS) -> None:
        self._client = client
        self._max_streams = max_streams
        self._lock = threading.Lock()  # never held while something is written or asked
        self._all: set[Subscription] = set()
        self._open: list[Subscription] = []
        self._runs = False
        self._ended = threading.Event()
        self._end_seq = -1
        """Everything up to it was sent to those at the end."""

    @property
    def num_streams(self) -> int:
        return len(self._all)

    def subscribe(
        self, job_id: str | None, kinds: Sequence[str] | None, after: int | None
    ) -> Subscription:
        """From that ``seq`` on or, without one that there is, from now on; it counts until it is
        closed. Raises ``Unavailable`` for one too many, and what the JobManager does for a job."""
        found = Subscription(job_id, kinds, self._join, self._leave)
        with self._lock:
            if self._ended.is_set():
                raise Unavailable("The gateway is ending: listen again when it is back")
            if len(self._all) >= self._max_streams:
                raise Unavailable(
                    f"{self._max_streams} streams of events are open, which is the limit (the "
                    "setting max_streams): close one, or ask without `Accept: text/event-stream`"
                )
            self._all.add(found)
        try:
            now = self._read(None, 0, job_id)["next_after"]
        except BaseException:
            self._leave(found)
            raise
        found.seq = now if after is None else min(after, now)
        with self._lock:
            if not self._open:  # nobody misses what lies between
                self._end_seq = max(self._end_seq, now)
        return found

    def close(self) -> None:
        """Ends all streams in an orderly way."""
        self._ended.set()
        with self._lock:
            listening = list(self._open)
        for subscription in listening:
            subscription.end()

    def _join(self, subscription: Subscription) -> None:
        with self._lock:
            if subscription not in self._all:
                return  # closed in the meantime
            self._open.append(subscription)
            starts, self._runs = not self._runs, True
            is_late = self._ended.is_set()
        if starts:
            threading.Thread(target=self._run, name="events", daemon=True).start()
        if is_late:
            subscription.end()

    def _leave(self, subscription: Subscription) -> None:
        with self._lock:
            self._all.discard(subscription)
            if subscription in self._open:
                self._open.remove(subscription)

    def _run(self) -> None:
        rounds = Rounds("The sending of events")
        while (listening := self._listening()) and not self._ended.is_set():
            wait_s = TROUBLE_S
            with rounds.round():
                wait_s = self._turn(listening)
            self._ended.wait(wait_s)

    def _listening(self) -> list[Subscription]:
        """Who listens now; if nobody does, the thread ends."""
        with self._lock:
            self._runs = bool(self._open)
            return list(self._open)

    def _turn(self, listening: Sequence[Subscription]) -> float:
        """Serves everybody once; returns the seconds until the next turn."""
        try:
            behind = [s for s in listening if s.seq < self._end_seq and s.has_room]
            for subscription in behind:
                self._catch_up(subscription)
            self._go_on([s for s in listening if s.seq >= self._end_seq])
        except Unavailable:  # whoever asks for anything else is told why
            return TROUBLE_S
        return BEHIND_S if behind else TURN_S

    def _go_on(self, at_end: Sequence[Subscription]) -> None:
        """Sends the same pages to all at the end. One without room is behind from then on."""
        watched = sorted({s.job_id for s in at_end if s.job_id is not None})
        ready = [s for s in at_end if s.has_room]
        for _ in range(MAX_PAGES):
            if not ready:
                return
            begin = max(self._end_seq, min(s.seq for s in ready))
            page = self._read(begin, PAGE, watched=watched)
            encoded = EncodedPage(page)
            for subscription in ready:
                subscription.take(encoded)
            self._end_seq = encoded.next_after
            _end_those(ready, page["gone"])
            if len(page["events"]) < PAGE:
                return
            ready = [s for s in ready if s.has_room]

    def _catch_up(self, subscription: Subscription) -> None:
        wanted = subscription.job_id, subscription.kinds
        try:
            page = self._read(subscription.seq, PAGE, *wanted)
        except CallerError:  # the job is gone
            subscription.end()
        else:
            subscription.take(EncodedPage(page))

    def _read(
        self,
        after: int | None,
        limit: int,
        job_id: str | None = None,
        kinds: Sequence[str] | None = None,
        watched: Sequence[str] = (),
    ) -> Page:
        asked: dict[str, Any] = {"after": after, "limit": limit, "job_id": job_id, "kinds": kinds}
        page: Page = self._client.call(READ_LOG, {**asked, "watched": list(watched)})
        return page


def _end_those(listening: Sequence[Subscription], gone: Sequence[str]) -> None:
    for subscription in listening:
        if subscription.job_id in gone:
            subscription.end()
