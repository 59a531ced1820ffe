"""Trained models that the client writes to files, against the application behind a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from http_gateway.client import ApiError, TandemClient
from orchestrator.errors import Unavailable
from tests.support.fake_job_client import WEIGHTS, FakeJobClient


def test_a_model_is_written_to_a_file_as_it_comes(
    client: TandemClient, fake: FakeJobClient, tmp_path: Path
) -> None:
    path = tmp_path / "model.zip"
    assert client.save_model("7", path, format="bundle") == len(WEIGHTS)
    assert path.read_bytes() == WEIGHTS and list(tmp_path.iterdir()) == [path]
    assert fake.calls == [("get_model", ("7", "bundle", None))]


def test_a_model_that_does_not_come_leaves_what_was_there(
    client: TandemClient, fake: FakeJobClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.zip"
    path.write_bytes(b"before")
    fake.errors["get_model"] = Unavailable("The caller has gone")
    with pytest.raises(ApiError):
        client.save_model("7", path)

    def cut_off(*_: Any) -> Iterator[bytes]:
        yield b"half"
        raise requests.ConnectionError("cut off")

    fake.errors.clear()
    monkeypatch.setattr(requests.Response, "iter_content", cut_off)
    with pytest.raises(requests.ConnectionError):
        client.save_model("7", path)
    assert path.read_bytes() == b"before" and list(tmp_path.iterdir()) == [path]
