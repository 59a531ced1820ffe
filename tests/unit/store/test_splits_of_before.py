"""A text's share for validation had a name of its own, which stored jobs still have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from actors.core.sources.registry import SourceSpec, parse_source
from orchestrator.files.stored_json import from_stored, to_stored
from orchestrator.store.job_store import JobStore
from tests.support.old_stores import insert, old_store
from tests.support.stores import OWNER, job_record

NOW = {"format": "text", "path": "val_share.txt", "context": 8, "validation_split": 0.25}
BEFORE = {"format": "text", "path": "val_share.txt", "context": 8, "val_share": 0.25}


def stored_source() -> dict[str, Any]:
    """As it was stored."""
    source: dict[str, Any] = to_stored(parse_source(NOW))
    renamed = [["val_share" if n == "validation_split" else n, v] for n, v in source["arguments"]]
    return {**source, "arguments": renamed}


def test_a_stored_text_has_the_same_share_by_its_new_name(tmp_path: Path) -> None:
    with old_store(tmp_path, "0016") as connection:
        for job_id, more in (("1", {"source": stored_source()}), ("2", {}), ("3", {})):
            record = job_record(job_id)
            dataset = {"name": "digits"} if job_id == "3" else BEFORE
            config = {**record.spec["config"], "dataset": dataset}
            insert(connection, "jobs", {**vars(record), "spec": {**more, "config": config}})
    store = JobStore.open(tmp_path, OWNER)
    first, second, third = (record.spec for record in store.load_jobs())
    store.close()
    assert from_stored(SourceSpec, first["source"]) == parse_source(NOW)
    assert first["config"]["dataset"] == second["config"]["dataset"] == NOW
    assert third["config"]["dataset"] == {"name": "digits"}
