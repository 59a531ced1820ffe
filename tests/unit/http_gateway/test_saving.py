"""What is saved before a JobManager ends, and the messages about the rest."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from actors.core.errors import Unavailable
from http_gateway.process import saving
from http_gateway.process.interrupts import heeded, held
from http_gateway.process.saving import save_jobs


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(saving, "POLL_S", 0.001)
    with heeded(), held():
        yield


def job(job_id: str, is_done: bool, error: str | None = None, num_bytes: int = 8) -> dict[str, Any]:
    return {"job_id": job_id, "is_done": is_done, "error": error, "bytes": num_bytes}


def said(*looks: list[dict[str, Any]]) -> list[str]:
    """The messages if the JobManager answers like this; the last answer repeats for ever."""
    left, texts = list(looks), list[str]()
    save_jobs(lambda: left.pop(0) if len(left) > 1 else left[0], texts.append)
    return texts


def test_where_nothing_trains_nothing_is_said() -> None:
    assert said([]) == []


def test_it_waits_until_all_are_saved() -> None:
    (text,) = said(
        [job("3", False), job("5", False)],
        [job("3", True), job("5", False)],
        [job("3", True), job("5", True)],
    )
    assert "3, 5" in text


def test_what_the_disk_does_not_take_is_told() -> None:
    _, text = said([job("3", False)], [job("3", True, "the disk is full")])
    assert "Job 3" in text and "the disk is full" in text and "last checkpoint" in text


def test_what_does_not_end_in_time_is_told_and_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(saving, "BASE_S", 0.01)
    _, text = said([job("3", False), job("5", True)])
    assert "Job 3" in text and "last checkpoint" in text


def test_it_has_time_by_the_bytes() -> None:
    texts = [said([job("3", True, num_bytes=n)])[0] for n in (8, 4 * 10**9)]
    seconds = [int(text.split(" s ")[0].split()[-1]) for text in texts]
    assert seconds[0] == saving.BASE_S
    assert seconds[1] == saving.BASE_S + 4 * 10**9 / saving.BYTES_PER_S


def test_a_ctrl_c_skips_it() -> None:
    asked = []

    def ask() -> list[dict[str, Any]]:
        asked.append(1)
        if len(asked) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return [job("3", False)]

    texts: list[str] = []
    save_jobs(ask, texts.append)
    assert len(asked) == 2 and "last checkpoint" in texts[-1]


def test_a_job_manager_that_does_not_answer_keeps_nothing_from_its_end() -> None:
    def ask() -> list[dict[str, Any]]:
        raise Unavailable("the JobManager does not answer: gone")

    texts: list[str] = []
    save_jobs(ask, texts.append)
    assert len(texts) == 1 and "does not answer" in texts[0]
