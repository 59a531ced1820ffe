"""A store of before free-form metrics: its epochs keep every bit of what they told."""

from __future__ import annotations

from pathlib import Path

from orchestrator.jobs.metrics import shown_epoch
from orchestrator.store.job_store import JobStore
from tests.support.logs import log_of
from tests.support.old_stores import insert, old_job, old_store
from tests.support.stores import CONFIG, OWNER, job_record

EPOCH = {"epoch": 1, "session": 1, "train_loss": 2.0 / 3, "samples_per_s": 1000.0}
MEASURED = {"val_loss": 0.1 + 0.2, "val_accuracy": 1 / 3}


def test_loss_and_accuracy_become_metrics_without_losing_a_bit(tmp_path: Path) -> None:
    with old_store(tmp_path, "0010") as connection:
        insert(connection, "jobs", old_job(job_record("1"), CONFIG["dataset"]))
        insert(connection, "epochs", {"job_id": "1", **EPOCH, **MEASURED})
    store = JobStore.open(tmp_path, OWNER)
    (epoch,) = log_of(store).history("1").epochs
    store.close()
    assert epoch == {**EPOCH, "metrics": {"loss": 0.1 + 0.2, "accuracy": 1 / 3}}
    assert shown_epoch(epoch) == {**EPOCH, **MEASURED}
