from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from orchestrator.store.job_store import FILE_NAME, JobStore
from orchestrator.store.log.entries import STEPS
from tests.support.stores import OWNER, job_record, writing_process

NUM_KILLS = 4


def last_told_before_the_kill(storage_path: Path, num_saved: int, pause_s: float) -> int:
    with writing_process(storage_path) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(num_saved)]
        time.sleep(pause_s)
        process.kill()
        return int([*told, *process.stdout.read().split()][-1])


def test_a_process_killed_amid_its_commits_leaves_all_that_it_told_and_nothing_half(
    tmp_path: Path,
) -> None:
    for kill in range(NUM_KILLS):
        told = last_told_before_the_kill(tmp_path, 3, pause_s=0.05 + 0.0007 * kill)
        store = JobStore.open(tmp_path, OWNER, lock_timeout_s=5.0)
        jobs = store.load_jobs()
        by_id = {job.job_id: job for job in jobs}
        for number in range(1, told + 1):
            job = by_id[str(number)]
            saved = {"status": "completed", "epochs_begun": number}
            before = {"status": "training", "epochs_begun": 1}
            killed_between = job.status == "training"
            assert job == job_record(job.job_id, **(before if killed_between else saved))
            assert len(store.load_log(job.job_id, STEPS)) in (0, 20)
        assert (
            by_id[str(told)].status == "completed" and len(store.load_log(str(told), STEPS)) == 20
        )
        assert sum(job.status == "training" for job in jobs) <= kill + 1
        assert told <= len(jobs) <= told + kill + 1
        assert store.next_job_number() == len(jobs) + 1
        store.close()
        with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
