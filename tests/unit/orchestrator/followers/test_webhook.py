from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import InvalidRequest, JobNotFound, StorageUnavailable
from orchestrator.followers import webhook as webhook_module
from orchestrator.followers.follower import ToolTrouble
from orchestrator.followers.positions import PositionFile
from orchestrator.followers.webhook import Webhook, read_secret
from orchestrator.jobs.job import Job
from orchestrator.jobs.job_book import JobBook
from orchestrator.store.log.entries import STATUS, NewEntry
from tests.support.http_tool import HttpTool, http_tool
from tests.support.job_records import make_job

SECRET = "correct-horse-battery"


@pytest.fixture
def book(tmp_path: Path) -> Iterator[JobBook]:
    book = JobBook(tmp_path / "storage", "the test")
    yield book
    book.store.close()


@pytest.fixture
def job(book: JobBook) -> Job:
    return book.add(make_job)


@pytest.fixture
def tool() -> Iterator[HttpTool]:
    with http_tool() as tool:
        yield tool


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_module, "WAITS_S", (0.0, 0.0, 0.0))


class World:
    """A webhook that has begun to look, and what it noted."""

    def __init__(self, book: JobBook, url: str, folder: Path, secret: Path | None = None) -> None:
        self.noted: list[tuple[str, str]] = []
        self.details: dict[str, Any] = {"history": [], "error": None}
        self._arguments = (url, secret, book.log, PositionFile(folder / "webhook.json"))
        self.hook = self.again()
        self.hook.tell_news()

    def again(self) -> Webhook:
        return Webhook(*self._arguments, self._describe, lambda *told: self.noted.append(told))

    def _describe(self, job_id: str) -> dict[str, Any]:
        if job_id == "gone":
            raise JobNotFound("Job not found")
        return self.details


def end(book: JobBook, job: Job, *statuses: str) -> None:
    for status in statuses:
        book.tell(job, NewEntry(STATUS, {"status": status}))


def test_a_job_that_is_completed_or_failed_is_told_and_no_other(
    book: JobBook, job: Job, tool: HttpTool, tmp_path: Path
) -> None:
    end(book, job, "completed")  # before there was a webhook
    world = World(book, tool.url + "/hook?x=1", tmp_path)
    world.details = {
        "error": None,
        "progress": {"epoch": 3},
        "history": [{"epoch": 2}, {"epoch": 3, "val_loss": 0.5}],
    }
    assert tool.received == []
    end(book, job, "training", "stopped", "training", "completed")
    world.hook.tell_news()
    world.hook.tell_news()
    (request,) = tool.received
    assert (request.method, request.path) == ("POST", "/hook?x=1")
    assert request.headers["Content-Type"] == "application/json"
    told = request.json
    assert told.pop("delivery") > 0 and told.pop("at").startswith("20")
    assert told == {
        "job_id": job.job_id,
        "status": "completed",
        "error": None,
        "progress": {"epoch": 3},
        "last_epoch": {"epoch": 3, "val_loss": 0.5},
    }


def test_another_job_manager_goes_on_where_the_one_before_stopped(
    book: JobBook, job: Job, tool: HttpTool, tmp_path: Path
) -> None:
    world = World(book, tool.url, tmp_path)
    end(book, job, "failed")
    world.hook.tell_news()
    end(book, job, "completed")
    world.again().tell_news()
    assert [request.json["status"] for request in tool.received] == ["failed", "completed"]


def test_what_is_told_is_signed(book: JobBook, job: Job, tool: HttpTool, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET + "\n")
    world = World(book, tool.url, tmp_path, secret)
    end(book, job, "failed")
    world.hook.tell_news()
    (request,) = tool.received
    digest = hmac.new(SECRET.encode(), request.body, hashlib.sha256).hexdigest()
    assert request.headers["Tandem-Signature"] == f"sha256={digest}"


def test_a_message_that_is_refused_is_tried_again_then_given_up_and_noted(
    book: JobBook, job: Job, tool: HttpTool, tmp_path: Path
) -> None:
    world = World(book, tool.url + "/token-in-the-path", tmp_path)
    tool.answer = lambda _: (503, {"why": "busy"})
    end(book, job, "failed")
    world.hook.tell_news()
    assert len(tool.received) == 4
    ((job_id, text),) = world.noted
    assert job_id == job.job_id and "503" in text and "busy" in text
    assert "token-in-the-path" not in text
    tool.answer = lambda request: (503 if len(tool.received) < 7 else 204, {})
    end(book, job, "completed")
    world.hook.tell_news()
    assert [r.json["status"] for r in tool.received[4:]] == ["completed"] * 3
    assert len(world.noted) == 1


def test_a_redirect_is_not_followed(
    book: JobBook, job: Job, tool: HttpTool, tmp_path: Path
) -> None:
    world = World(book, tool.url, tmp_path)
    tool.answer = lambda _: (307, {})
    end(book, job, "failed")
    world.hook.tell_news()
    assert len(world.noted) == 1 and "307" in world.noted[0][1]


def test_an_address_where_nobody_is_costs_no_more_than_the_tries(
    book: JobBook, job: Job, tmp_path: Path
) -> None:
    with http_tool() as gone:
        url = gone.url
    world = World(book, url, tmp_path)
    end(book, job, "failed")
    world.hook.tell_news()
    assert len(world.noted) == 1 and "can't be reached" in world.noted[0][1]


def test_a_job_that_was_deleted_meanwhile_is_told_by_its_number(
    book: JobBook, job: Job, tool: HttpTool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(book, tool.url, tmp_path)
    end(book, job, "failed")
    monkeypatch.setattr(world.hook, "_describe", lambda _: world._describe("gone"))
    world.hook.tell_news()
    (request,) = tool.received
    assert request.json.keys() == {"delivery", "job_id", "status", "at"}


def test_a_secret_that_cant_be_used_is_trouble_that_is_tried_again(
    book: JobBook, job: Job, tool: HttpTool, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    world = World(book, tool.url, tmp_path, secret)
    end(book, job, "failed")
    for content in (None, "short"):
        if content is not None:
            secret.write_text(content)
        with pytest.raises(InvalidRequest, match="webhook_secret_file"):
            read_secret(secret)
        with pytest.raises(ToolTrouble, match="webhook_secret_file"):
            world.hook.tell_news()
    assert tool.received == []
    secret.write_text(SECRET)
    world.hook.tell_news()
    assert len(tool.received) == 1


def test_a_disk_that_refuses_the_position_has_no_message_sent_twice(
    book: JobBook, job: Job, tool: HttpTool, tmp_path: Path
) -> None:
    world = World(book, tool.url, tmp_path)
    (tmp_path / "webhook.partial").mkdir()  # where the file should be written
    end(book, job, "failed", "completed")
    for _ in range(4):
        with pytest.raises(StorageUnavailable):
            world.hook.tell_news()
    assert [request.json["status"] for request in tool.received] == ["failed", "completed"]
    (tmp_path / "webhook.partial").rmdir()
    world.hook.tell_news()
    world.again().tell_news()
    assert len(tool.received) == 2
