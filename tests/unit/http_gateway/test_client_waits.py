"""TandemClient waits for a job and for a gateway: as long as it is told, for what may pass."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from http_gateway.client import ApiError, TandemClient
from orchestrator.errors import JobNotFound, Unavailable
from tests.support.fake_job_client import DETAILS, FakeJobClient
from tests.support.ports import free_ports


def in_turn(fake: FakeJobClient, monkeypatch: pytest.MonkeyPatch, *statuses: str) -> None:
    """The job's status in each answer to come; the last one stays."""
    left = list(statuses)

    def get_job(job_id: str, **_: int) -> dict[str, Any]:
        return {**DETAILS, "job_id": job_id, "status": left.pop(0) if len(left) > 1 else left[0]}

    monkeypatch.setitem(fake.answers, "get_job", get_job)


def test_wait_for_returns_the_job_in_the_status_asked_for(
    client: TandemClient, fake: FakeJobClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_turn(fake, monkeypatch, "training", "training", "completed")
    seen: list[str] = []
    job = client.wait_for(
        "7", {"completed", "failed"}, 10.0, 0.001, lambda job: seen.append(job["status"])
    )
    assert (job["job_id"], job["status"]) == ("7", "completed")
    assert seen == ["training", "training", "completed"]


def test_wait_for_gives_up_in_time_and_says_where_the_job_is(
    client: TandemClient, fake: FakeJobClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_turn(fake, monkeypatch, "training")
    with pytest.raises(TimeoutError, match="job 7 is still training after 0 s"):
        client.wait_for("7", {"completed"}, 0.05, 0.001)


def test_wait_for_is_patient_when_told(
    client: TandemClient, fake: FakeJobClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals: list[Exception] = [Unavailable("starting"), Unavailable("starting")]

    def get_job(job_id: str, **_: int) -> dict[str, Any]:
        if refusals:
            raise refusals.pop()
        return DETAILS

    monkeypatch.setitem(fake.answers, "get_job", get_job)
    assert client.wait_for("7", {"created"}, 10.0, 0.001, patience_s=5.0) == DETAILS
    refusals.append(Unavailable("starting"))
    with pytest.raises(ApiError, match="starting"):
        client.wait_for("7", {"created"}, 10.0, 0.001)
    (port,) = free_ports(1)
    gone = TandemClient(f"http://127.0.0.1:{port}")
    with gone, pytest.raises(requests.ConnectionError):
        gone.wait_for("7", {"created"}, 10.0, 0.001, patience_s=0.01)


def test_a_silence_is_told_once_each_time_that_it_begins(
    client: TandemClient, monkeypatch: pytest.MonkeyPatch, fake: FakeJobClient
) -> None:
    starting, training = Unavailable("starting"), {**DETAILS, "status": "training"}
    answers = [starting, starting, training, starting, DETAILS]

    def get_job(job_id: str, **_: int) -> dict[str, Any]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    told: list[Exception] = []
    monkeypatch.setitem(fake.answers, "get_job", get_job)
    client.wait_for("7", {"created"}, 10.0, 0.001, patience_s=5.0, on_silence=told.append)
    assert [str(error) for error in told] == ["starting", "starting"] and answers == []


@pytest.mark.parametrize(
    "error",
    [
        requests.exceptions.ProxyError(),
        requests.exceptions.JSONDecodeError("", "", 0),
        requests.exceptions.SSLError(),
        ApiError(404, "nothing there"),
    ],
)
def test_what_no_waiting_can_mend_is_not_waited_for(
    client: TandemClient, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    told: list[Exception] = []

    def request(*_: Any, **__: Any) -> requests.Response:
        raise error

    monkeypatch.setattr(client._session, "request", request)
    with pytest.raises(type(error)):
        client.wait_until_ready(lambda _: 60.0, 0.001, told.append)
    assert told == []


def test_wait_for_passes_on_that_the_job_is_gone(client: TandemClient, fake: FakeJobClient) -> None:
    fake.errors["get_job"] = JobNotFound("Job not found")
    with pytest.raises(ApiError, match="Job not found"):
        client.wait_for("7", {"completed"}, 10.0)
