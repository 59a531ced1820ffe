"""How a gateway leaves Ray: once no request can ask it any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import ray

from http_gateway.process import serve
from http_gateway.process.backend import Backend


class Recorder:
    """Stands for the JobClient, the HTTP server and the cluster."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.manager = self

    def __getattr__(self, name: str) -> Callable[..., list[Any]]:
        def call(*_: Any) -> list[Any]:
            self.calls.append(name)
            return []

        return call


@pytest.mark.parametrize("is_embedded", [False, True])
def test_requests_end_before_ray_is_left(
    monkeypatch: pytest.MonkeyPatch, is_embedded: bool
) -> None:
    one: Any = Recorder()
    monkeypatch.setattr(ray, "shutdown", one.shutdown)
    serve._leave(Backend(one, "127.0.0.1:6379", None, one if is_embedded else None), one)
    ended = ["give_up", "finish_requests"]
    if is_embedded:
        assert one.calls == ["save_for_end", *ended, "end", "shutdown", "stop"]
    else:
        assert one.calls == [*ended, "shutdown"]
