from __future__ import annotations

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.errors import Conflict, InvalidRequest
from orchestrator.store.job_store import FILE_NAME, JobStore
from orchestrator.store.records import StoredAnswer
from tests.support.stores import OWNER


@pytest.mark.parametrize("answer", [{"job_id": "1"}, [1, 2.5], "done", 0, None])
def test_a_finished_request_gets_the_same_answer_after_a_restart(
    tmp_path: Path, answer: object
) -> None:
    store = JobStore.open(tmp_path, OWNER)
    assert store.begin_request("k1", "POST /api/jobs a") is None
    store.finish_request("k1", answer)
    assert store.begin_request("k1", "POST /api/jobs a") == StoredAnswer(answer)
    store.close()
    store = JobStore.open(tmp_path, OWNER)
    assert store.begin_request("k1", "POST /api/jobs a") == StoredAnswer(answer)
    store.close()


def test_a_key_of_another_request_is_refused(store: JobStore) -> None:
    store.begin_request("k1", "POST /api/jobs a")
    with pytest.raises(InvalidRequest, match=r"'k1' was used for another.*with a new key"):
        store.begin_request("k1", "POST /api/jobs b")
    store.finish_request("k1", 1)
    with pytest.raises(InvalidRequest, match="'k1' was used for another"):
        store.begin_request("k1", "POST /api/jobs b")


def test_a_request_under_way_is_not_begun_twice(store: JobStore) -> None:
    store.begin_request("k1", "a")
    with pytest.raises(Conflict, match="'k1' is still under way: send it again later"):
        store.begin_request("k1", "a")
    assert store.begin_request("k2", "a") is None


def test_of_many_at_once_one_begins(store: JobStore) -> None:
    def begins(_: int) -> bool:
        try:
            return store.begin_request("k1", "a") is None
        except Conflict:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(begins, range(8))) == 1


def test_a_request_cut_off_by_the_end_of_the_jobmanager_has_no_known_outcome(
    tmp_path: Path,
) -> None:
    store = JobStore.open(tmp_path, OWNER)
    store.begin_request("k1", "a")
    store.close()
    store = JobStore.open(tmp_path, OWNER)
    with pytest.raises(Conflict, match="outcome is unknown: look whether it took effect"):
        store.begin_request("k1", "a")
    store.close()


def test_a_refused_request_may_be_tried_again(store: JobStore) -> None:
    store.begin_request("k1", "a")
    store.drop_request("k1")
    assert store.begin_request("k1", "b") is None


@pytest.mark.parametrize(("hours", "known"), [(23, True), (25, False)])
def test_keys_are_kept_for_a_day(tmp_path: Path, hours: int, known: bool) -> None:
    store = JobStore.open(tmp_path, OWNER)
    store.begin_request("k1", "a")
    store.finish_request("k1", "done")
    store.close()
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection, connection:
        connection.execute("UPDATE requests SET began_at = ?", (time.time() - hours * 3600,))
    store = JobStore.open(tmp_path, OWNER)
    assert (store.begin_request("k1", "a") is not None) is known
    store.close()
