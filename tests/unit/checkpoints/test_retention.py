from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.checkpoints import (
    FOLDER,
    JOB,
    OURS,
    about,
    assert_same,
    kill_at_every_operation,
    state,
    store_at,
)

LOSSES = st.none() | st.floats(0, 4, allow_nan=False)


def save_all(root: Path, losses: list[float | None]) -> None:
    for steps, loss in enumerate(losses, start=1):
        store_at(root).save(about(steps, metrics={"loss": loss}), state(steps))


def steps_left(root: Path) -> set[int]:
    return {info.about.total_steps for info in store_at(root).list(OURS)}


@given(
    losses=st.lists(LOSSES, min_size=1, max_size=7),
    keep_last=st.integers(1, 4),
    keep_best=st.integers(0, 4),
)
@settings(deadline=None, max_examples=40)
def test_the_newest_and_the_best_stay_and_nothing_else(
    losses: list[float | None], keep_last: int, keep_best: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        save_all(Path(folder), losses)
        store_at(Path(folder)).retain(OURS, keep_last, keep_best)
        left = steps_left(Path(folder))
        assert len(list(Path(folder).glob(f"{FOLDER}/*"))) == len(left)
    num = len(losses)
    newest = set(range(max(1, num - keep_last + 1), num + 1))
    scored = {steps: loss for steps, loss in enumerate(losses, start=1) if loss is not None}
    assert newest <= left
    best = {
        s
        for s in left
        if s in scored and all(scored[s] <= scored[g] for g in scored if g not in left)
    }
    assert len(best) >= min(keep_best, len(scored))
    assert len(left) <= len(newest) + min(keep_best, len(scored))
    assert left - newest <= best


def test_of_equal_losses_the_newer_stays(tmp_path: Path) -> None:
    save_all(tmp_path, [0.5, 0.5, 0.7, None])
    store_at(tmp_path).retain(OURS, keep_last=1, keep_best=1)
    assert steps_left(tmp_path) == {2, 4}


def test_what_stays_is_not_touched(tmp_path: Path) -> None:
    save_all(tmp_path, [0.1, 0.3, 0.2, 0.4])
    store_at(tmp_path).retain(OURS, keep_last=1, keep_best=1)
    for steps in (1, 4):
        loaded = store_at(tmp_path).load(OURS, f"step-{steps:012d}")
        assert_same(loaded.state, state(steps))


def test_leftovers_of_interrupted_writes_go(tmp_path: Path) -> None:
    save_all(tmp_path, [None, None])
    run = tmp_path / FOLDER
    kept = sorted(run.rglob("*"))
    (run / "step-000000000002/stage-0.r2.safetensors").write_bytes(b"1")
    (run / "step-000000000002/manifest.json.partial").write_bytes(b"2")
    (run / "step-000000000003").mkdir()
    (run / "step-000000000003/stage-0.safetensors.partial").write_bytes(b"3")
    store_at(tmp_path).retain(OURS, keep_last=2, keep_best=0)
    assert sorted(run.rglob("*")) == kept


def test_damaged_ones_go_but_not_as_long_as_there_is_nothing_else(tmp_path: Path) -> None:
    save_all(tmp_path, [None])
    damaged = tmp_path / f"{FOLDER}/step-000000000001"
    (damaged / "stage-0.safetensors").write_bytes(b"")
    store_at(tmp_path).retain(OURS, keep_last=1, keep_best=0)
    assert damaged.exists()
    store_at(tmp_path).save(about(2), state(2))
    store_at(tmp_path).retain(OURS, keep_last=2, keep_best=0)
    assert not damaged.exists()


def test_one_that_was_passed_over_does_not_outlive_those_written_since(tmp_path: Path) -> None:
    save_all(tmp_path, [None] * 3)
    store = store_at(tmp_path)
    store.save(about(9), state(9))
    path = tmp_path / f"{FOLDER}/step-000000000009/stage-0.safetensors"
    path.write_bytes(bytes(path.stat().st_size))
    loaded = store.load_latest(OURS)
    assert loaded is not None and loaded.info.about.total_steps == 3
    assert [info.about.total_steps for info in store.list(OURS)] == [9, 3, 2, 1]
    store.save(about(4), state(4))
    store.retain(OURS, keep_last=1, keep_best=0)
    assert steps_left(tmp_path) == {4}


def test_one_that_was_passed_over_counts_again_once_it_is_saved_again(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    for steps in (1, 2):
        store.save(about(steps), state(steps))
    path = tmp_path / f"{FOLDER}/step-000000000002/stage-0.safetensors"
    path.write_bytes(bytes(path.stat().st_size))
    store.load_latest(OURS)
    store.save(about(2), state(2))
    store.retain(OURS, keep_last=1, keep_best=0)
    assert steps_left(tmp_path) == {2}


def test_an_interrupted_retention_leaves_the_newest_and_can_be_done_again(tmp_path: Path) -> None:
    def prepare(root: Path) -> None:
        save_all(root, [0.1, 0.2, 0.3, 0.4, 0.5])
        (root / f"{FOLDER}/step-000000000005/stage-0.r2.safetensors").write_bytes(b"left")

    for root in kill_at_every_operation(prepare, lambda store: store.retain(OURS, 2, 1), tmp_path):
        loaded = store_at(root).load_latest(OURS)
        assert loaded is not None and loaded.passed_over == ()
        assert_same(loaded.state, state(5))
        assert {1, 4, 5} <= steps_left(root)
        store_at(root).retain(OURS, 2, 1)
        assert steps_left(root) == {1, 4, 5}
        assert len(list(root.glob(f"{FOLDER}/*/*"))) == 3 * 3


def test_an_interrupted_deletion_leaves_nothing_that_looks_damaged(tmp_path: Path) -> None:
    def prepare(root: Path) -> None:
        save_all(root, [None, None])

    for root in kill_at_every_operation(prepare, lambda store: store.delete_job(JOB), tmp_path):
        loaded = store_at(root).load_latest(OURS)
        if loaded is not None:
            assert_same(loaded.state, state(2))
        store_at(root).delete_job(JOB)
        assert not (root / f"jobs/{JOB}").exists()
