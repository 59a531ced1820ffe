from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.core.progress.snapshots import Cursor
from http_gateway.operations.table.records import Checkpoint
from orchestrator.checkpoints.manifest import (
    FORMAT_VERSION,
    Manifest,
    StageEntry,
    decode_manifest,
    encode_manifest,
)
from orchestrator.errors import CheckpointDamaged, CheckpointTooNew
from tests.support.checkpoints import about

METRICS = {"loss": 0.1 + 0.2, "accuracy": 0.5, "r2": None}
MANIFEST = Manifest(
    about=about(120, epoch=2, metrics=METRICS, finished=True),
    created_at="2026-01-02T03:04:05.678+00:00",
    versions={"tandem": "0.1.0", "torch": "2.13.0", "python": "3.11.7"},
    stages=(
        StageEntry("stage-0.safetensors", 1000, "0" * 64, 0, 2, Cursor(2, 3, 4)),
        StageEntry("stage-1.safetensors", 234, "1" * 64, 2, 3, Cursor(2, 3, 4, 1 / 3, 4)),
    ),
)
DATA = encode_manifest(MANIFEST)


def with_checksum(content: dict[str, object]) -> bytes:
    """By the rule that holds for all versions of the format."""
    body = json.dumps(content, indent=4).removesuffix("\n}").encode()
    return body + b',\n  "sha256": "%s"\n}\n' % hashlib.sha256(body).hexdigest().encode()


def test_everything_comes_back() -> None:
    assert decode_manifest(DATA, "m") == MANIFEST


def test_it_is_json_that_ends_with_its_checksum() -> None:
    content = json.loads(DATA)
    first, *_, last = content
    assert (first, last) == ("format_version", "sha256")
    assert content["about"]["options"] == MANIFEST.about.options


def test_what_is_shown_is_what_the_api_promises() -> None:
    shown = MANIFEST.info.to_json()
    assert Checkpoint.model_validate(shown).model_dump() == shown
    assert (shown["checkpoint_id"], shown["step"]) == ("step-000000000120", 120)
    assert (shown["num_bytes"], shown["val_loss"]) == (1234, 0.1 + 0.2)


@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_any_changed_byte_is_noticed(index: int, change: int) -> None:
    damaged = bytearray(DATA)
    damaged[index] ^= change
    with pytest.raises(CheckpointDamaged, match="jobs/7/manifest"):
        decode_manifest(bytes(damaged), "jobs/7/manifest.json")


def test_any_truncation_is_noticed() -> None:
    for length in range(len(DATA)):
        with pytest.raises(CheckpointDamaged):
            decode_manifest(DATA[:length], "m")


def test_a_newer_format_is_refused_by_both_versions_and_the_remedy() -> None:
    data = with_checksum({"format_version": FORMAT_VERSION + 1, "versions": {"tandem": "9.8.7"}})
    with pytest.raises(CheckpointTooNew) as raised:
        decode_manifest(data, "jobs/7/manifest.json")
    for part in ("jobs/7/manifest.json", f"version {FORMAT_VERSION + 1}", "Tandem 9.8.7"):
        assert part in raised.value.message
    assert f"up to {FORMAT_VERSION}" in raised.value.message
    assert "start that newer Tandem, or delete" in raised.value.message


def test_a_newer_format_that_keeps_other_records_is_refused_too() -> None:
    data = with_checksum({"versions": "9", "format_version": FORMAT_VERSION + 1, "more": [1]})
    with pytest.raises(CheckpointTooNew, match="unknown"):
        decode_manifest(data, "m")


def test_what_earlier_versions_wrote_has_their_two_metrics() -> None:
    about = {**asdict(MANIFEST.about), "val_loss": 0.1 + 0.2, "val_accuracy": 0.5}
    del about["metrics"]
    stages = [asdict(stage) for stage in MANIFEST.stages]
    for stage in stages:
        del stage["cursor"]["averaged"]
    rest = {"created_at": MANIFEST.created_at, "versions": MANIFEST.versions}
    data = with_checksum({"format_version": 2, "about": about, "stages": stages, **rest})
    found = decode_manifest(data, "m")
    assert found.about.metrics == {"loss": 0.1 + 0.2, "accuracy": 0.5}
    assert found.info.cursor == MANIFEST.info.cursor


def test_it_tells_the_last_epoch_that_had_ended_by_then() -> None:
    """Its session began with epoch 4 of the job."""
    assert MANIFEST.info.last_epoch == 2
    within = replace(MANIFEST, about=about(120, epoch=None))
    assert within.info.last_epoch == 3 + 2
