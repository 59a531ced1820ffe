"""One reader of the log for all who listen: each gets what it wants, once and in order, as fast as
it takes it; and nothing is asked when nobody listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest

from actors.core.errors import NotFound, Unavailable
from http_gateway.live import event_hub, subscription
from http_gateway.live.event_format import decode
from http_gateway.live.event_hub import EventHub
from http_gateway.live.subscription import Subscription
from tests.support.event_log import EventLog
from tests.support.jobs import wait_until


class Reader:
    """A response whose client takes all at once, or nothing for now."""

    def __init__(self) -> None:
        self.sent = b""
        self.is_stuck = False
        self.unsent = 0
        self.is_ended = False

    @property
    def num_unsent(self) -> int:
        return self.unsent

    def write(self, data: bytes) -> None:
        assert not self.is_ended
        self.sent += data
        self.unsent += len(data) if self.is_stuck else 0

    def end(self) -> None:
        self.is_ended = True

    def seqs(self) -> list[int | None]:
        return [received.seq for received in decode([self.sent])]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_hub, "TURN_S", 0.005)
    monkeypatch.setattr(event_hub, "TROUBLE_S", 0.005)
    monkeypatch.setattr(event_hub, "PAGE", 10)


@pytest.fixture
def log() -> EventLog:
    return EventLog()


@pytest.fixture
def hub(log: EventLog) -> Iterator[EventHub]:
    hub = EventHub(log, max_streams=3)
    yield hub
    hub.close()
    assert until(lambda: not hub._runs or hub._ended.is_set())


def until(condition: Callable[[], bool]) -> bool:
    wait_until(condition, 20, "it does not happen")
    return True


def listen(
    hub: EventHub,
    job_id: str | None = None,
    kinds: Sequence[str] | None = None,
    after: int | None = None,
) -> tuple[Subscription, Reader]:
    found, reader = hub.subscribe(job_id, kinds, after), Reader()
    found.opened(reader)  # type: ignore[arg-type]
    return found, reader


def test_each_gets_what_it_asked_for_from_then_on(log: EventLog, hub: EventHub) -> None:
    log.tell("1")
    readers = [listen(hub)[1], listen(hub, "1")[1], listen(hub, None, ["lost"])[1]]
    for number in range(40):
        log.tell("12"[number % 2], "step" if number % 4 else "lost")
    until(lambda: [len(r.seqs()) for r in readers] == [40, 20, 10])
    assert readers[0].seqs() == list(range(2, 42))
    assert readers[1].seqs() == list(range(2, 42, 2))
    assert readers[2].seqs() == list(range(2, 42, 4))


def test_who_comes_with_a_number_gets_what_came_after_it_while_others_go_on(
    log: EventLog, hub: EventHub
) -> None:
    for _ in range(55):
        log.tell("1")
    _, now = listen(hub)
    _, late = listen(hub, "1", None, 5)
    _, rare = listen(hub, "1", ["lost"], 0)
    log.tell("1", "lost")
    until(lambda: [len(r.seqs()) for r in (now, late, rare)] == [1, 51, 1])
    assert late.seqs() == list(range(6, 57)) and now.seqs() == rare.seqs() == [56]


def test_all_are_read_for_at_once_and_nobody_when_nobody_listens(
    log: EventLog, hub: EventHub
) -> None:
    listening = [listen(hub)[0] for _ in range(3)]
    until(lambda: len(log.asked) > 10)
    begun = len(log.asked)
    log.tell("1")
    until(lambda: len(log.asked) > begun + 10)
    assert all(asked["job_id"] is None for asked in log.asked)
    for one in listening:
        one.closed()
        one.closed()
    until(lambda: not hub._runs)
    ended = len(log.asked)
    log.tell("1")
    _, reader = listen(hub, after=1)
    log.tell("1")
    until(lambda: reader.seqs() == [2, 3])
    assert len(log.asked) > ended


def test_one_that_takes_nothing_is_sent_no_more_than_a_page_and_gets_all_later(
    log: EventLog, hub: EventHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscription, "MAX_UNSENT_BYTES", 100)
    _, stuck = listen(hub)
    _, quick = listen(hub)
    stuck.is_stuck = True
    for _ in range(200):
        log.tell("1", text="x" * 50)
    until(lambda: len(quick.seqs()) == 200)
    assert 0 < len(stuck.seqs()) <= 10
    stuck.is_stuck, stuck.unsent = False, 0
    until(lambda: stuck.seqs() == list(range(1, 201)))


def test_one_too_many_is_refused_until_another_leaves(log: EventLog, hub: EventHub) -> None:
    first, *_ = (listen(hub)[0] for _ in range(3))
    with pytest.raises(Unavailable, match=r"3 streams .* the limit .*max_streams"):
        hub.subscribe(None, None, None)
    first.closed()
    listen(hub)
    assert hub.num_streams == 3


def test_a_job_that_there_is_not_is_refused_and_takes_no_place(
    log: EventLog, hub: EventHub
) -> None:
    for _ in range(5):
        with pytest.raises(NotFound):
            hub.subscribe("9", None, None)
    assert hub.num_streams == 0


def test_streams_of_a_job_that_is_deleted_end_and_others_go_on(
    log: EventLog, hub: EventHub
) -> None:
    (_, deleted), (_, other) = listen(hub, "1"), listen(hub, "2")
    _, behind = listen(hub, "1", None, 0)
    log.jobs.remove("1")
    until(lambda: deleted.is_ended and behind.is_ended)
    log.tell("2")
    until(lambda: other.seqs() == [1])
    assert not other.is_ended


def test_a_job_manager_that_does_not_answer_is_asked_again(log: EventLog, hub: EventHub) -> None:
    _, reader = listen(hub)
    log.error = Unavailable("The JobManager is being started again")
    until(lambda: len(log.asked) > 5)
    log.tell("1")
    log.error = None
    until(lambda: reader.seqs() == [1])


def test_an_error_that_nobody_expected_is_logged_and_survived(
    log: EventLog, hub: EventHub, caplog: pytest.LogCaptureFixture
) -> None:
    _, reader = listen(hub)
    log.error = ZeroDivisionError("division by zero")
    until(lambda: len(caplog.records) == 1)
    log.tell("1")
    log.error = None
    until(lambda: reader.seqs() == [1])


def test_the_end_of_the_gateway_ends_all_and_refuses_more(log: EventLog, hub: EventHub) -> None:
    (_, reader), late = listen(hub), hub.subscribe(None, None, None)
    hub.close()
    assert reader.is_ended
    too_late = Reader()
    late.opened(too_late)  # type: ignore[arg-type]
    assert too_late.is_ended
    with pytest.raises(Unavailable, match="ending"):
        hub.subscribe(None, None, None)


def test_a_client_that_leaves_before_it_is_served_is_none(log: EventLog, hub: EventHub) -> None:
    early = hub.subscribe(None, None, None)
    early.closed()
    early.opened(Reader())  # type: ignore[arg-type]
    assert hub.num_streams == 0 and not hub._runs
