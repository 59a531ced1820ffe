"""Whoever reads while others write gets a whole state, hides nothing and deletes nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.checkpoints.checkpoint_store import CheckpointStore
from orchestrator.checkpoints.pins import Pins
from orchestrator.checkpoints.storage import LocalStorage
from orchestrator.errors import StorageUnavailable
from tests.support.checkpoints import FOLDER, OURS, about, assert_same, state

TIMEOUT_S = 20.0
NEWEST = f"{FOLDER}/step-000000000002"


class InterruptedStorage(LocalStorage):
    """Does something else, once, just before it reads or lists a file with such a name."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.before: tuple[str, Callable[[], object]] | None = None

    def read(self, name: str) -> bytes:
        self._interrupted("read " + name)
        return super().read(name)

    def list(self, folder: str) -> dict[str, int]:
        self._interrupted("list " + folder)
        return super().list(folder)

    def _interrupted(self, now: str) -> None:
        if self.before is not None and self.before[0] in now:
            (_, act), self.before = self.before, None
            act()


MOMENTS = ["read", "manifest.json", f"list {NEWEST}", "stage-0", "stage-1"]


@pytest.fixture
def storage(tmp_path: Path) -> InterruptedStorage:
    storage = InterruptedStorage(tmp_path)
    store = CheckpointStore(storage)
    for steps in (1, 2):
        store.save(about(steps), state(steps))
    return storage


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_step_that_is_saved_again_while_it_is_read_is_read_whole_and_stays(
    storage: InterruptedStorage, moment: str
) -> None:
    store = CheckpointStore(storage)

    def save_again() -> None:
        store.save(about(2, finished=True), state(22))
        store.retain(OURS, keep_last=2, keep_best=0)

    storage.before = (moment, save_again)
    loaded = store.load_latest(OURS)
    assert loaded is not None and storage.before is None
    assert_same(loaded.state, state(22 if loaded.info.about.finished else 2))
    assert loaded.info.about.total_steps == 2 and loaded.passed_over == ()
    store.retain(OURS, keep_last=1, keep_best=0)
    again = store.load_latest(OURS)
    assert again is not None
    assert_same(again.state, state(22))
    assert len(storage.list(NEWEST)) == 3, "what the reader needed has gone since"


@pytest.mark.parametrize("moment", MOMENTS)
def test_retention_is_put_off_for_what_is_read(storage: InterruptedStorage, moment: str) -> None:
    store = CheckpointStore(storage)

    def save_more() -> None:
        for steps in (3, 4):
            store.save(about(steps), state(steps))
        store.retain(OURS, keep_last=1, keep_best=0)

    storage.before = (moment, save_more)
    loaded = store.load_latest(OURS)
    assert loaded is not None and storage.before is None
    assert loaded.info.about.total_steps >= 2 and loaded.passed_over == ()
    assert_same(loaded.state, state(loaded.info.about.total_steps))
    store.retain(OURS, keep_last=1, keep_best=0)
    assert [info.about.total_steps for info in store.list(OURS)] == [4]


@pytest.mark.parametrize("moment", ["manifest.json", f"list {NEWEST}"])
def test_a_list_does_not_leave_out_what_is_saved_again_or_replaced_meanwhile(
    storage: InterruptedStorage, moment: str
) -> None:
    store = CheckpointStore(storage)
    storage.before = (moment, lambda: store.save(about(2), state(22)))
    assert [info.about.total_steps for info in store.list(OURS)] == [2, 1]

    def replace_all() -> None:
        store.save(about(3), state(3))
        store.retain(OURS, keep_last=1, keep_best=0)

    storage.before = (moment, replace_all)
    assert store.list(OURS)[0].about.total_steps >= 2


def test_what_a_load_found_damaged_stays_when_a_second_look_finds_it_whole(
    storage: InterruptedStorage, tmp_path: Path
) -> None:
    store = CheckpointStore(storage)
    file = tmp_path / NEWEST / "stage-0.safetensors"
    content = file.read_bytes()
    file.write_bytes(bytes(len(content)))
    loaded = store.load_latest(OURS)
    assert loaded is not None and loaded.info.about.total_steps == 1
    file.write_bytes(content)  # a link or a cable that was bad for a while
    store.retain(OURS, keep_last=2, keep_best=0)
    assert [info.about.total_steps for info in store.list(OURS)] == [2, 1]
    loaded = store.load_latest(OURS)
    assert loaded is not None and loaded.info.about.total_steps == 2


def test_a_job_that_is_deleted_while_it_is_read_ends_the_read(storage: InterruptedStorage) -> None:
    store = CheckpointStore(storage)
    storage.before = ("stage-0", lambda: store.delete_job(OURS.identity))
    assert store.load_latest(OURS) is None


def test_a_reader_waits_for_a_deletion_and_a_deletion_for_no_reader() -> None:
    pins, entered = Pins(), threading.Event()

    def read() -> None:
        with pins.reading("a"):
            entered.set()

    with pins.taking("a") as free, pins.taking("a") as again:
        assert free and not again
        reader = threading.Thread(target=read)
        reader.start()
        with pins.reading("b"), pins.taking("b") as taken:
            assert not taken
        assert not entered.is_set()
    reader.join(TIMEOUT_S)
    assert entered.is_set()


def test_a_deletion_that_does_not_end_keeps_no_reader_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("orchestrator.checkpoints.pins.TAKING_TIMEOUT_S", 0.01)
    pins: Any = Pins()
    with pins.taking("a"), pytest.raises(StorageUnavailable), pins.reading("a"):
        raise AssertionError("it is being deleted")
