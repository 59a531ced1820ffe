"""A store that the version before the log has written: a job of two sessions with a failure, one
without any, and one that was deleted. What the API said of them it says still."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from orchestrator.jobs.job_book import JobBook
from orchestrator.jobs.job_lifecycle import Event
from orchestrator.jobs.job_reader import JobReader
from orchestrator.observing.log_reader import LogReader
from orchestrator.observing.process_logs import ProcessLogs
from orchestrator.store.job_store import FILE_NAME
from tests.support.logs import back_to, step

WRITTEN = Path(__file__).parent / "written_by_0013"
ANSWERS: dict[str, Any] = json.loads((WRITTEN / "answers.json").read_text())


@pytest.fixture
def book(tmp_path: Path) -> Iterator[JobBook]:
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.executescript((WRITTEN / "store.sql").read_text())
    book = JobBook(tmp_path, "a later version")
    yield book
    book.store.close()


@pytest.fixture
def reader(book: JobBook) -> JobReader:
    neither: Any = None
    return JobReader(book, neither, neither, neither)


@pytest.fixture
def log(book: JobBook, tmp_path: Path) -> LogReader:
    return LogReader(book, ProcessLogs(tmp_path))


def as_sent(answer: Any) -> Any:
    return json.loads(json.dumps(answer))


def people_read(log: LogReader, job_id: str) -> list[dict[str, Any]]:
    """Events had numbers of their own."""
    events = log.list_events(job_id)["events"]
    names = ("at", "kind", "text")
    return [{"index": i, **{n: e[n] for n in names}} for i, e in enumerate(events)]


def test_every_answer_is_what_it_was(reader: JobReader, log: LogReader) -> None:
    assert as_sent(reader.list_jobs()) == ANSWERS["jobs"]
    assert log.previous_teraflops() == ANSWERS["teraflops"]
    for job_id, known in ANSWERS["of"].items():
        assert as_sent(reader.get_job(job_id)) == known["job"]
        measured, before = reader.get_plan(job_id)["measured"], known["plan"]["measured"]
        assert (measured is None) == (before is None)
        assert {name: (measured or {})[name] for name in before or {}} == (before or {})
        assert people_read(log, job_id) == known["events"]
        assert log.list_steps(job_id) == known["steps"]


def test_what_happens_next_follows(book: JobBook, reader: JobReader, log: LogReader) -> None:
    job = book.get("2")
    book.note(job, "seen", "later")
    book.tell(job, back_to(7, 2), step(7, 3, 0.125))
    book.flush(job)
    known = ANSWERS["of"]["2"]
    events = people_read(log, "2")
    assert events[:-1] == known["events"] and events[-1]["text"] == "later"
    assert [record["epoch"] for record in reader.get_job("2")["history"]] == [1, 2, 3, 4, 5, 6]
    last = [(s["epoch"], s["step"], s["loss"]) for s in log.list_steps("2", 7, 1)][1:]
    assert last == [(7, 3, 0.125)]
    with book.changing(job, forget_history=True) as (draft,):
        draft.apply(Event.INITIALIZE)
    assert reader.get_job("2")["history"] == log.list_steps("2") == []
