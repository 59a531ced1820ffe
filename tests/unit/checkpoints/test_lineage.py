"""Checkpoints of other jobs, databases and sessions are not the job's, and stay where they are."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.checkpoints.lineage import Lineage
from orchestrator.errors import NotFound
from tests.support.checkpoints import (
    ABOUT,
    FOLDER,
    OURS,
    about,
    assert_same,
    files_below,
    resealed,
    state,
    store_at,
)

LATER = replace(OURS, sessions=(*OURS.sessions, (3, "session-3-d1ce")))
NOT_OURS = {
    "a job of the same number": replace(OURS, identity="7-0ther"),
    "a session of the same index": replace(OURS, sessions=((2, "session-2-0ther"),)),
    "another session in the same folder": replace(OURS, sessions=((1, OURS.folders[0]),)),
    "another seed": replace(OURS, seed=12),
    "another network": replace(OURS, model={"layer_sizes": [5, 4, 2]}),
    "a job that was initialized again": replace(OURS, sessions=()),
}


@pytest.mark.parametrize("whose", NOT_OURS.values(), ids=NOT_OURS)
def test_a_strangers_checkpoint_is_neither_read_nor_deleted_but_named(
    tmp_path: Path, whose: Lineage
) -> None:
    store = store_at(tmp_path)
    store.save(about(5), state(5))
    before = files_below(tmp_path)
    assert store.load_latest(whose) is None
    assert store.list(whose) == []
    with pytest.raises(NotFound):
        store.load(whose, "step-000000000005")
    store.retain(whose, keep_last=1, keep_best=0)
    assert files_below(tmp_path) == before
    (named,) = store.strangers([whose])
    assert (tmp_path / FOLDER / "step-000000000005").is_relative_to(named)
    assert store.strangers([whose, OURS]) == [] or whose.identity == OURS.identity


def test_what_is_deleted_of_a_job_of_the_same_number_leaves_the_strangers(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    store.save(about(5), state(5))
    store.delete_sessions("7-0ther", OURS.folders)
    store.delete_job("7-0ther")
    assert [info.about.total_steps for info in store.list(OURS)] == [5]


def test_a_copy_under_another_name_is_a_stranger(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    store.save(about(5), state(5))
    top = tmp_path / FOLDER
    shutil.copytree(top / "step-000000000005", top / "step-000000000009")
    assert [info.about.total_steps for info in store.list(OURS)] == [5]
    store.retain(OURS, keep_last=1, keep_best=0)
    assert (top / "step-000000000009" / "manifest.json").exists()


def test_files_that_are_no_checkpoints_are_no_strangers(tmp_path: Path) -> None:
    store_at(tmp_path).save(about(5), state(5))
    (tmp_path / "jobs/.DS_Store").touch()
    (tmp_path / "jobs/notes").mkdir()
    (tmp_path / "jobs/notes/mine.txt").touch()
    assert store_at(tmp_path).strangers([OURS]) == []


def test_the_sessions_of_a_job_are_one_row_of_checkpoints(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    for steps in (1, 2, 3):
        store.save(about(steps), state(steps))
    third = {"session": 3, "session_folder": "session-3-d1ce"}
    for steps in (3, 4):
        store.save(about(steps, **third), state(10 + steps))
    found = [(i.about.session, i.about.total_steps) for i in store.list(LATER)]
    assert found == [(3, 4), (3, 3), (2, 2), (2, 1)]
    assert_same(store.load(LATER, "step-000000000003").state, state(13))
    store.retain(LATER, keep_last=3, keep_best=0)
    found = [(i.about.session, i.about.total_steps) for i in store.list(LATER)]
    assert found == [(3, 4), (3, 3), (2, 2)]
    assert [i.about.total_steps for i in store.list(OURS)] == [2], "the older one of step 3 is gone"


def test_a_checkpoint_of_before_identities_belongs_to_the_job_of_its_number(tmp_path: Path) -> None:
    """Today's migration leaves the job like this: its number is its identity, its run its
    folder."""
    legacy = replace(OURS, identity="7", sessions=((1, "run-1"), (2, "run-1")))
    store = store_at(tmp_path)
    store.save(about(5, identity="7", session_folder="run-1"), state(5))
    manifest = tmp_path / "jobs/7/run-1/step-000000000005/manifest.json"
    content = json.loads(manifest.read_bytes())
    del content["about"]["identity"], content["about"]["session_folder"]
    manifest.write_bytes(resealed(content))
    loaded = store.load_latest(legacy)
    assert loaded is not None and loaded.info.about.job_id == ABOUT.job_id
    assert_same(loaded.state, state(5))
    assert store.strangers([legacy]) == []
    later = replace(legacy, sessions=((1, "run-1"),))
    assert store.load_latest(later) is None
    assert store.load_latest(replace(legacy, identity="7-0ther")) is None
