"""A load has the time that its bytes take, and goes on while they come."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import ray

from actors.core.patience import LEAST_BYTES_PER_S
from actors.core.sources.download import FOLDER_PREFIX, downloaded_bytes
from orchestrator.data.load_wait import BASE_S, LOOK_S, LoadStalled, wait_for_load

READY = "loaded"


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def loaded_at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Any, float]]:
    """Waits for what is loaded then; returns it with the time."""

    def waited(ready_s: float, num_bytes: Callable[[float], int]) -> tuple[Any, float]:
        clock = Clock()

        def get(_: Any, timeout: float) -> str:
            assert timeout <= LOOK_S
            if clock.now_s + timeout >= ready_s:
                clock.now_s = ready_s
                return READY
            clock.now_s += timeout
            raise ray.exceptions.GetTimeoutError

        monkeypatch.setattr(ray, "get", get)
        return wait_for_load(None, lambda: num_bytes(clock.now_s), clock), clock.now_s

    return waited


def test_more_bytes_have_more_time(loaded_at: Any) -> None:
    large = int(1000 * LEAST_BYTES_PER_S)
    assert loaded_at(BASE_S + 999, lambda _: large) == (READY, BASE_S + 999)
    with pytest.raises(LoadStalled, match=f"within {BASE_S + 1000:.0f} s: 250.0 MB of it"):
        loaded_at(BASE_S + 1011, lambda _: large)


def test_a_download_that_flows_is_waited_for(loaded_at: Any) -> None:
    day_s = 24 * 3600.0
    assert loaded_at(day_s, lambda now_s: int(now_s) * 1000) == (READY, day_s)


def test_a_download_that_stands_still_is_given_up(loaded_at: Any) -> None:
    with pytest.raises(LoadStalled, match="was not loaded within 600 s: none came"):
        loaded_at(1e9, lambda _: 0)
    with pytest.raises(LoadStalled, match="no more came"):
        loaded_at(1e9, lambda now_s: min(int(now_s), 100) * 1000)


def test_what_a_download_has_so_far_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert downloaded_bytes() == 0
    with tempfile.TemporaryDirectory(prefix=FOLDER_PREFIX) as folder:
        part = Path(folder) / "MNIST" / "raw" / "images.gz"
        part.parent.mkdir(parents=True)
        before = downloaded_bytes()
        part.write_bytes(bytes(1000))
        assert downloaded_bytes() == before + 1000
