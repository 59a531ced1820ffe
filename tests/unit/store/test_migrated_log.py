"""A log of before events lost their own numbers: what was an event is one, and steps are found by
their losses."""

from __future__ import annotations

import math
from pathlib import Path

from orchestrator.store.job_store import JobStore
from orchestrator.store.log.entries import EPOCHS
from tests.support.logs import events_of, log_of
from tests.support.old_stores import insert, old_job, old_store
from tests.support.stores import CONFIG, OWNER, job_record


def test_events_and_losses_are_as_they_were(tmp_path: Path) -> None:
    with old_store(tmp_path, "0015") as connection:
        insert(connection, "jobs", old_job(job_record("1"), CONFIG["dataset"]))
        told = [
            (1, None, "step", 1, 1, None, '{"loss": 0.30000000000000004}'),
            (2, None, "step", 1, 2, None, '{"loss": NaN}'),
            (3, 5, "lost", None, None, 0, '{"text": "gone"}'),
            (4, 6, "status", None, None, None, '{"status": "failed"}'),
            (5, 7, "seen", None, None, 1, '{"text": "there"}'),
        ]
        for seq, at_ms, kind, epoch, step, index, values in told:
            row = {"seq": seq, "job_id": "1", "at_ms": at_ms, "kind": kind, "epoch": epoch}
            insert(connection, "log", {**row, "step": step, "event_index": index, "values": values})
    store = JobStore.open(tmp_path, OWNER)
    log = log_of(store)
    assert [(e.seq, e.values["text"]) for e in events_of(store, "1")] == [(3, "gone"), (5, "there")]
    counts = log.step_counts("1", log.read("1", EPOCHS, (), None))
    losses = [entry.loss for entry in log.losses("1", counts, -1, 10)]
    assert losses[0] == 0.1 + 0.2 and math.isnan(losses[1] or 0.0)
    query = "SELECT loss FROM log WHERE kind = 'step' ORDER BY seq"
    with store._database.read() as connection:
        found = connection.exec_driver_sql(query).scalars().all()
    store.close()
    assert found == [0.1 + 0.2, None]
