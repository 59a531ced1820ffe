from __future__ import annotations

from importlib import import_module

import pytest


@pytest.fixture
def tensorboard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers its files from 0. It reads files of one second by their numbers, and 10 before 9; a
    follower makes no two files of a job in a second."""
    pytest.importorskip("tensorboard")
    writing = import_module("tensorboard.summary.writer.event_file_writer")
    monkeypatch.setattr(writing, "_global_uid", writing.AtomicCounter(0))
