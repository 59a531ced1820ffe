from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import safetensors.torch

from orchestrator.errors import NotFound
from tests.support.checkpoints import FOLDER, JOB, OURS, about, assert_same, state, store_at


def files(root: Path) -> list[str]:
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())


def test_a_state_comes_back_with_its_optimizer_and_cursors(tmp_path: Path) -> None:
    saved = store_at(tmp_path).save(about(5, metrics={"loss": 0.25}), state(5))
    loaded = store_at(tmp_path).load_latest(OURS)
    assert loaded is not None
    assert_same(loaded.state, state(5))
    assert loaded.state.optimizer
    assert loaded.info == saved
    assert loaded.info.about == about(5, metrics={"loss": 0.25})
    assert loaded.info.cursor == state(5).cursor
    assert loaded.passed_over == ()


@pytest.mark.parametrize("ranges", [[(0, 3)], [(0, 1), (1, 2), (2, 3)]])
def test_the_network_is_the_same_however_it_was_split(
    tmp_path: Path, ranges: list[tuple[int, int]]
) -> None:
    store_at(tmp_path).save(about(5), state(5, ranges))
    loaded = store_at(tmp_path).load_latest(OURS)
    assert loaded is not None
    assert_same(loaded.state, state(5, ranges))
    for name, tensor in state(5).weights.items():
        assert loaded.state.weights[name].equal(tensor)


def test_files_are_where_the_documentation_says(tmp_path: Path) -> None:
    info = store_at(tmp_path).save(about(5), state(5))
    folder = f"{FOLDER}/step-000000000005"
    names = ["manifest.json", "stage-0.safetensors", "stage-1.safetensors"]
    assert files(tmp_path) == [f"{folder}/{name}" for name in names]
    assert info.num_bytes == sum((tmp_path / folder / n).stat().st_size for n in names[1:])
    tensors = safetensors.torch.load_file(tmp_path / folder / "stage-1.safetensors")
    assert sorted(tensors) == [
        "4.bias",
        "4.weight",
        "optimizer.momentum.4.bias",
        "optimizer.momentum.4.weight",
    ]


def test_a_checkpoint_says_when_and_by_what_it_was_written(tmp_path: Path) -> None:
    info = store_at(tmp_path).save(about(5), state(5))
    age = datetime.now(timezone.utc) - datetime.fromisoformat(info.created_at)
    assert timedelta(seconds=-1) < age < timedelta(minutes=1)
    assert sorted(info.versions) == ["python", "tandem", "torch"]


def test_where_nothing_was_saved_there_is_none(tmp_path: Path) -> None:
    store = store_at(tmp_path / "not there")
    assert store.load_latest(OURS) is None
    assert store.list(OURS) == []
    store.retain(OURS, keep_last=1, keep_best=0)
    store.delete_sessions(JOB, ["session-1"])
    store.delete_job(JOB)


def test_the_newest_is_the_one_of_most_steps(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    for steps in (10**12, 9, 100, 10):
        store.save(about(steps), state(steps % 1000))
    assert [i.about.total_steps for i in store.list(OURS)] == [10**12, 100, 10, 9]
    loaded = store.load_latest(OURS)
    assert loaded is not None and loaded.info.about.total_steps == 10**12


def test_one_is_loaded_by_its_id(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    for steps in (1, 2, 3):
        store.save(about(steps), state(steps))
    assert_same(store.load(OURS, "step-000000000002").state, state(2))
    assert store.find(OURS, "step-000000000002").about.total_steps == 2


@pytest.mark.parametrize("wrong", ["step-000000000009", "../session-1", "", "manifest.json"])
def test_an_id_that_names_none_is_answered_with_those_there_are(tmp_path: Path, wrong: str) -> None:
    store = store_at(tmp_path)
    store.save(about(2), state(2))
    for look in (store.load, store.find):
        with pytest.raises(NotFound, match="it has step-000000000002"):
            look(OURS, wrong)


def test_the_same_step_again_replaces_the_files_of_the_first(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    store.save(about(5), state(1, [(0, 1), (1, 2), (2, 3)]))
    store.save(about(5, finished=True), state(2))
    loaded = store.load_latest(OURS)
    assert loaded is not None and loaded.info.about.finished
    assert_same(loaded.state, state(2))
    assert len(files(tmp_path)) == 3
    store.save(about(5), state(3))
    assert_same(store.load(OURS, "step-000000000005").state, state(3))
    assert len(files(tmp_path)) == 3


def test_jobs_and_sessions_are_apart(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    for job, session in (("7", 1), ("7", 2), ("70", 1)):
        folder = f"session-{session}"
        store.save(about(5, identity=job, session=session, session_folder=folder), state(session))
    first, second = (replace(OURS, identity="7", sessions=((n, f"session-{n}"),)) for n in (1, 2))
    other = replace(first, identity="70")
    store.delete_sessions("7", first.folders)
    assert [len(store.list(whose)) for whose in (first, second, other)] == [0, 1, 1]
    store.delete_job("7")
    assert store.load_latest(second) is None
    assert len(store.list(other)) == 1
    assert not (tmp_path / "jobs" / "7").exists()


def test_foreign_files_do_no_harm(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    store.save(about(5), state(5))
    (tmp_path / f"jobs/{JOB}/.DS_Store").touch()
    (tmp_path / f"{FOLDER}/notes.txt").touch()
    (tmp_path / f"{FOLDER}/step-old").mkdir()
    store.retain(OURS, keep_last=1, keep_best=0)
    assert [i.about.total_steps for i in store.list(OURS)] == [5]
