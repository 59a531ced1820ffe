"""Killed at any point of a save: the checkpoint before it is there, never a mix of both."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.checkpoints.checkpoint_reader import Loaded
from tests.support.checkpoints import (
    FOLDER,
    OURS,
    Killed,
    about,
    assert_same,
    kill_at_every_operation,
    state,
    store_at,
)

ROOT = Path(__file__).resolve().parents[3]
THREE_STAGES = [(0, 1), (1, 2), (2, 3)]


def prepare(root: Path) -> None:
    store_at(root).save(about(1), state(1))
    store_at(root).save(about(2), state(2))


def latest(root: Path) -> Loaded:
    loaded = store_at(root).load_latest(OURS)
    assert loaded is not None
    return loaded


def assert_old_or_new(loaded: Loaded, step: int) -> bool:
    """Step 2 as it was saved first, or what was being saved; whether it is the latter."""
    new = loaded.info.about.total_steps == step and loaded.info.about.finished
    assert_same(loaded.state, state(99, THREE_STAGES) if new else state(2))
    assert new or loaded.info.about == about(2)
    return new


@pytest.mark.parametrize("torn", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("step", [2, 3], ids=["the same step again", "a new step"])
def test_a_save_killed_at_any_operation_leaves_the_old_or_the_new(
    tmp_path: Path, torn: float, step: int
) -> None:
    def act(store: Any) -> None:
        store.save(about(step, finished=True), state(99, THREE_STAGES))

    outcomes = []
    for root in kill_at_every_operation(prepare, act, tmp_path, torn):
        outcomes.append(assert_old_or_new(latest(root), step))
        act(store_at(root))
        assert assert_old_or_new(latest(root), step)
        assert len(list(root.glob(f"{FOLDER}/step-{step:012d}/*"))) == 4
    assert outcomes == sorted(outcomes), "old until the manifest is there, new from then on"
    assert set(outcomes) == {False, True}


@pytest.mark.parametrize("step", [2, 3], ids=["the same step again", "a new step"])
def test_a_save_killed_at_any_call_of_the_system_leaves_the_old_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    outcomes = []
    for num_calls in range(1000):
        root = tmp_path / str(num_calls)
        prepare(root)
        with monkeypatch.context() as patch:
            calls = [num_calls]
            for name in ("fsync", "replace", "open", "scandir", "unlink", "mkdir"):
                patch.setattr(os, name, dying(getattr(os, name), calls))
            try:
                store_at(root).save(about(step, finished=True), state(99, THREE_STAGES))
            except Killed:
                pass
            else:
                break
        outcomes.append(assert_old_or_new(latest(root), step))
    assert len(outcomes) > 10 and outcomes == sorted(outcomes)
    assert set(outcomes) == {False, True}


def dying(call: Callable[..., Any], left: list[int]) -> Callable[..., Any]:
    def counted(*args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return call(*args, **kwargs)

    return counted


SAVER = """
import itertools, sys
from pathlib import Path
from tests.support.checkpoints import OURS, about, state, store_at
store = store_at(Path(sys.argv[1]))
for step in itertools.count(1):
    store.save(about(step), state(step))
    print(step, flush=True)
    store.retain(OURS, keep_last=2, keep_best=0)
"""


def test_a_process_killed_amid_saves_leaves_what_it_had_saved(tmp_path: Path) -> None:
    for number, wait_s in enumerate((0.0, 0.013, 0.029)):
        root = tmp_path / str(number)
        process = subprocess.Popen(
            [sys.executable, "-c", SAVER, str(root)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        try:
            for _ in range(3):
                process.stdout.readline()
            time.sleep(wait_s)
        finally:
            process.send_signal(signal.SIGKILL)
            said, _ = process.communicate(timeout=30)
        acknowledged = max([3, *map(int, said.split())])
        loaded = latest(root)
        assert loaded.info.about.total_steps in (acknowledged, acknowledged + 1)
        assert_same(loaded.state, state(loaded.info.about.total_steps))
