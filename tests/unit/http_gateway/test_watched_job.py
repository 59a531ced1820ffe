"""A job is watched by asking for what is new of it, however long its history is."""

from __future__ import annotations

from typing import Any

from http_gateway.watched_job import MAX_EPOCHS, WatchedJob
from tests.support.logs import part_of


class Job:
    """Answers as the gateway does; ``sent`` counts the epochs of each answer."""

    def __init__(self, num_epochs: int) -> None:
        self.epochs = [{"epoch": number} for number in range(1, num_epochs + 1)]
        self.sent: list[int] = []

    def get(self, after_epoch: int, history_limit: int) -> dict[str, Any]:
        history = part_of(self.epochs, after_epoch, history_limit)
        self.sent.append(len(history))
        return {"job_id": "1", "history": history, "num_epochs": len(self.epochs)}

    def train(self, num_epochs: int) -> None:
        last = len(self.epochs)
        self.epochs += [{"epoch": last + n} for n in range(1, num_epochs + 1)]


def test_only_new_epochs_are_asked_for_and_all_are_shown() -> None:
    job = Job(20_000)
    watched = WatchedJob(job.get)
    assert watched.look()["history"] == job.epochs
    assert max(job.sent) == MAX_EPOCHS
    job.sent.clear()
    assert watched.look()["history"] == job.epochs
    job.train(3)
    assert watched.look()["history"] == job.epochs
    assert job.sent == [0, 3]


def test_epochs_that_were_taken_back_are_shown_no_more() -> None:
    job = Job(16)
    watched = WatchedJob(job.get)
    watched.look()
    del job.epochs[13:]
    assert watched.look()["history"] == job.epochs
    job.train(1)
    assert watched.look()["history"] == job.epochs


def test_a_job_that_begins_anew_is_shown_from_its_first_epoch() -> None:
    job = Job(16)
    watched = WatchedJob(job.get)
    watched.look()
    job.epochs = [{"epoch": 1, "of": "new weights"}]
    assert watched.look()["history"] == job.epochs
