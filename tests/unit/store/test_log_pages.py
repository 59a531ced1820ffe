"""The log page by page: who goes on after the last number misses nothing and gets nothing twice,
wherever the disk is behind, and whatever is just being written."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.store.job_store import JobStore
from orchestrator.store.log.entries import LogEntry, LogFilter, NewEntry
from orchestrator.store.log.job_log import JobLog
from orchestrator.store.outbox import Outbox
from tests.support.logs import back_to, epoch, event, step, validated, write_now
from tests.support.stores import OWNER, job_record

KINDS = (step(1, 1), epoch(1), event("gone", "lost"), validated(1, 1, loss=0.5), back_to(0, 0))
FILTERS = (
    LogFilter(),
    LogFilter("1"),
    LogFilter("1", only_events=True),
    LogFilter(only_events=True),
    LogFilter("2", ("lost", "epoch")),
    LogFilter("2", ("step", "lost")),
    LogFilter(kinds=("rolled_back", "metric")),
    LogFilter("3"),
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobStore]:
    store = JobStore.open(tmp_path_factory.mktemp("storage"), OWNER)
    for job_id in ("1", "2", "3"):
        store.add_job(job_record(job_id))
    yield store
    store.close()


def all_pages(log: JobLog, wanted: LogFilter, begin: int, limit: int) -> list[LogEntry]:
    """Until nothing new comes."""
    found: list[LogEntry] = []
    after = begin
    while True:
        page = log.page(wanted, after, limit)
        assert len(page.entries) <= limit and page.next_after >= after
        found += page.entries
        if not page.entries:
            assert log.page(wanted, page.next_after, limit).next_after == page.next_after
            return found
        after = page.next_after


told = st.lists(st.tuples(st.sampled_from("12"), st.sampled_from(KINDS)), max_size=30)


@given(
    story=told, written=st.integers(0, 30), wanted=st.sampled_from(FILTERS), limit=st.integers(1, 7)
)
def test_pages_have_what_was_told_in_its_order_once_each(
    shared: JobStore,
    story: list[tuple[str, NewEntry]],
    written: int,
    wanted: LogFilter,
    limit: int,
) -> None:
    outbox = Outbox(shared)
    begin = outbox.waiting_of_all().end_seq - 1
    for job_id, new in story[:written]:
        write_now(shared, outbox, job_id, [new])
    for job_id, new in story[written:]:
        outbox.tell(job_id, new, soon=False)
    log = JobLog(shared, outbox)
    everything = log.page(LogFilter(), begin, 100).entries
    assert [(e.job_id, e.kind) for e in everything] == [(j, new.kind) for j, new in story]
    expected = [entry for entry in everything if wanted.takes(entry)]
    assert all_pages(log, wanted, begin, limit) == expected
    latest = log.page(wanted, None, limit)
    known = [entry for entry in latest.entries if entry.seq > begin]
    assert known == expected[max(0, len(expected) - limit) :]
    assert log.page(wanted, latest.next_after, limit).entries == []


def test_what_is_just_being_written_is_not_overtaken(shared: JobStore) -> None:
    outbox = Outbox(shared)
    log, begin = JobLog(shared, outbox), outbox.waiting_of_all().end_seq - 1
    outbox.tell("1", event("before"), soon=False)
    with outbox.numbering() as number:
        numbered = number("2", [event("under way")])
        outbox.tell("1", event("after"), soon=False)
        page = log.page(LogFilter(), begin, 10)
        assert [e.values["text"] for e in page.entries] == ["before"]
        assert page.next_after == numbered[0].seq - 1
        shared.append_log(numbered)
    texts = [e.values["text"] for e in log.page(LogFilter(), page.next_after, 10).entries]
    assert texts == ["under way", "after"]


def test_what_was_numbered_and_not_written_holds_nobody_up(shared: JobStore) -> None:
    outbox = Outbox(shared)
    log, begin = JobLog(shared, outbox), outbox.waiting_of_all().end_seq - 1
    with pytest.raises(ZeroDivisionError), outbox.numbering() as number:
        number("2", [event("never")])
        raise ZeroDivisionError
    outbox.tell("1", event("after"), soon=False)
    page = log.page(LogFilter(), begin, 10)
    assert [e.values["text"] for e in page.entries] == ["after"]


def test_what_comes_after_the_end_is_nothing_and_stays_so(shared: JobStore) -> None:
    log = JobLog(shared, Outbox(shared))
    page = log.page(LogFilter("1"), 2**53 - 1, 10)
    assert (page.entries, page.next_after) == ([], 2**53 - 1)
    assert log.page(LogFilter("1"), None, 0).entries == []
