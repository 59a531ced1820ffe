"""A call that the JobManager does not answer: what the caller learns about its outcome."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray

from actors.core.errors import Unavailable
from http_gateway.calls.ray_job_client import RayJobClient
from http_gateway.operations.request_key import current_key
from http_gateway.operations.table import OPERATIONS
from orchestrator.manager.manager_config import ManagerConfig

CREATE_JOB, LIST_JOBS = (o for o in OPERATIONS if o.name in ("create_job", "list_jobs"))
GONE = "The head is gone"
ERRORS = [
    ray.exceptions.GetTimeoutError("too late"),
    ray.exceptions.ActorDiedError(),
    ray.exceptions.ActorUnavailableError("The actor was restarted", b"0" * 16),
    ray.exceptions.ObjectLostError("ab", b"", ""),
]


class Manager:
    """The handle of an actor that gives none of its calls an answer."""

    def __getattr__(self, name: str) -> Any:
        return self

    def options(self, **_: Any) -> Manager:
        return self

    def remote(self, *_: Any, **__: Any) -> Manager:
        return self


def asking(folder: Path) -> RayJobClient:
    """One that knows a JobManager."""
    client = RayJobClient(ManagerConfig(str(folder), str(folder)), folder, 0)
    client.manager._manager = Manager()
    return client


@pytest.fixture(params=ERRORS, ids=lambda error: type(error).__name__)
def client(request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RayJobClient:
    def get(*_: Any, **__: Any) -> None:
        client.manager.give_up(GONE)  # or it would be asked again until the time is over
        raise request.param

    monkeypatch.setattr(ray, "get", get)
    client = asking(tmp_path)
    return client


@pytest.fixture
def key() -> Iterator[str]:
    token = current_key.set("one-key")
    yield "one-key"
    current_key.reset(token)


def test_a_write_without_a_key_is_not_told_to_try_again(client: RayJobClient) -> None:
    with pytest.raises(Unavailable) as refused:
        client.call(CREATE_JOB, {"model_config": {}, "dataset_config": {}})
    assert "not known" in refused.value.message and "GET /api/jobs" in refused.value.message
    assert "try again" not in refused.value.message.lower()


def test_a_write_with_a_key_is_told_to_send_it_again(client: RayJobClient, key: str) -> None:
    with pytest.raises(Unavailable, match="same Idempotency-Key"):
        client.call(CREATE_JOB, {"model_config": {}, "dataset_config": {}})


def test_a_read_is_told_to_try_again(client: RayJobClient) -> None:
    with pytest.raises(Unavailable, match=r"Try again$"):
        client.call(LIST_JOBS, {})


LATER_CALLS: dict[str, dict[str, Any]] = {
    "list_jobs": {},
    "create_job": {"model_config": {}, "dataset_config": {}},
    "clone_job": {"job_id": "1"},
    "predict": {"job_id": "1", "read": None, "gone": bool},
    "evaluate": {"job_id": "1", "gone": bool},
    "get_model": {"job_id": "1", "format": "bundle", "checkpoint": None, "gone": bool},
}


@pytest.mark.parametrize("name", LATER_CALLS)
def test_once_ray_is_left_nobody_asks_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Ray starts another cluster for whoever asks it after its end."""
    client = asking(tmp_path)
    monkeypatch.setattr(ray, "kill", lambda *_, **__: None)
    client.manager.give_up(GONE)
    client.manager.end()
    for function in ("get", "wait", "put", "get_runtime_context"):
        monkeypatch.delattr(ray, function)
    (operation,) = (o for o in OPERATIONS if o.name == name)
    with pytest.raises(Unavailable, match=GONE):
        client.call(operation, LATER_CALLS[name])
