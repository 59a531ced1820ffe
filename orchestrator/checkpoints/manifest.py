"""The manifest of a checkpoint: its facts, its files, and what shows that they are whole.

``manifest.json`` is one JSON object. Its last entry, ``sha256``, covers all bytes before that
entry. This and ``format_version`` are the same in every version of the format, so that a newer
manifest does not look like a damaged one.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from actors.core.progress.snapshots import Cursor
from orchestrator.checkpoints.layout import checkpoint_name
from orchestrator.errors import CheckpointDamaged, CheckpointTooNew
from orchestrator.jobs.metrics import shown_metrics

FORMAT_VERSION = 3
_CHECKSUM = re.compile(rb'(?P<body>.*),\n  "sha256": "(?P<sha256>[0-9a-f]{64})"\n}\n', re.DOTALL)


@dataclass(frozen=True)
class CheckpointAbout:
    """The facts about a checkpoint that its caller knows.

    ``identity`` and ``session_folder`` are the names drawn for the job and its session. ``run``
    counts how often the job's weights were drawn. ``model`` is the job's ``model_config`` without
    the seed. ``total_steps`` counts the optimiser's steps since the run's weights were drawn, and
    orders its checkpoints. ``options`` is the train request in force, ready for JSON. ``epoch`` and
    ``metrics``, the validation's values by name, are None unless it was taken at an epoch's end.
    ``finished`` says whether the session was completed with it.
    """

    job_id: str
    identity: str
    run: int
    session: int
    session_folder: str
    seed: int
    model: dict[str, Any]
    first_epoch_index: int
    total_steps: int
    options: dict[str, Any]
    epoch: int | None
    metrics: Mapping[str, float | None]
    finished: bool


@dataclass(frozen=True)
class CheckpointInfo:
    """One checkpoint, as ``GET /api/jobs/<id>/checkpoints`` shows it.

    ``created_at`` is ISO 8601 in UTC; ``num_bytes`` sums its stages' files; ``versions`` are those
    of Tandem, torch and Python that wrote it.
    """

    checkpoint_id: str
    about: CheckpointAbout
    cursor: Cursor
    created_at: str
    num_bytes: int
    versions: dict[str, str]

    @property
    def last_epoch(self) -> int:
        """The job's last whole epoch by then, counted from 1; 0 before the first one has ended."""
        if self.about.epoch is not None:
            return self.about.epoch
        return self.about.first_epoch_index + self.cursor.epoch

    def to_json(self) -> dict[str, Any]:
        """The API's form; ``step`` is ``total_steps``."""
        return {
            "checkpoint_id": self.checkpoint_id,
            "created_at": self.created_at,
            "session": self.about.session,
            "epoch": self.about.epoch,
            "step": self.about.total_steps,
            **shown_metrics(self.about.metrics),
            "finished": self.about.finished,
            "num_bytes": self.num_bytes,
            "versions": dict(self.versions),
        }


@dataclass(frozen=True)
class StageEntry:
    """One stage's file, and what of its snapshot is no tensor; layers ``[start, end)``."""

    file: str
    num_bytes: int
    sha256: str
    start: int
    end: int
    cursor: Cursor


@dataclass(frozen=True)
class Manifest:
    """All that a checkpoint's ``manifest.json`` says."""

    about: CheckpointAbout
    created_at: str
    versions: dict[str, str]
    stages: tuple[StageEntry, ...]

    @property
    def info(self) -> CheckpointInfo:
        """The part that the API shows."""
        return CheckpointInfo(
            checkpoint_id=checkpoint_name(self.about.total_steps),
            about=self.about,
            cursor=self.stages[-1].cursor,
            created_at=self.created_at,
            num_bytes=sum(stage.num_bytes for stage in self.stages),
            versions=self.versions,
        )


def encode_manifest(manifest: Manifest) -> bytes:
    """The file's content."""
    content = {"format_version": FORMAT_VERSION, **asdict(manifest)}
    body = json.dumps(content, indent=2).removesuffix("\n}").encode()
    digest = hashlib.sha256(body).hexdigest()
    return body + f',\n  "sha256": "{digest}"\n}}\n'.encode()


def decode_manifest(data: bytes, path: str) -> Manifest:
    """Decodes the bytes of ``encode_manifest``; ``path`` is for the messages.

    Raises ``CheckpointDamaged`` if the bytes have changed, and ``CheckpointTooNew`` if a later
    version of the format wrote them.
    """
    found = _CHECKSUM.fullmatch(data)
    if found is None:
        raise CheckpointDamaged(f"{path} is cut short or damaged: it has no checksum at its end")
    if hashlib.sha256(found["body"]).hexdigest() != found["sha256"].decode():
        raise CheckpointDamaged(f"{path} is damaged: its checksum is wrong")
    content = json.loads(data)
    if content["format_version"] > FORMAT_VERSION:
        raise CheckpointTooNew(_too_new(content, path))
    return Manifest(
        about=_parse_about(content["about"]),
        created_at=content["created_at"],
        versions=content["versions"],
        stages=tuple(_parse_stage(stage) for stage in content["stages"]),
    )


def _parse_about(about: dict[str, Any]) -> CheckpointAbout:
    before_identities = {"identity": about["job_id"], "session_folder": f"run-{about['run']}"}
    if "layer_sizes" in about:  # version 1 knew no other models
        about = {**about, "model": {"layer_sizes": about["layer_sizes"]}}
        del about["layer_sizes"]
    if "val_loss" in about:  # version 2 knew no other metrics
        metrics = {"loss": about["val_loss"], "accuracy": about["val_accuracy"]}
        about = {**about, "metrics": metrics}
        del about["val_loss"], about["val_accuracy"]
    return CheckpointAbout(**{**before_identities, **about})


def _parse_stage(stage: dict[str, Any]) -> StageEntry:
    averaged_samples = {"averaged": stage["cursor"]["samples"]}  # as all did up to version 2
    return StageEntry(**{**stage, "cursor": Cursor(**{**averaged_samples, **stage["cursor"]})})


def _too_new(content: dict[str, Any], path: str) -> str:
    versions = content.get("versions")
    writer = versions.get("tandem", "unknown") if isinstance(versions, dict) else "unknown"
    return (
        f"{path} has version {content['format_version']} of the checkpoints' format, written by "
        f"Tandem {writer}, but this Tandem reads versions up to {FORMAT_VERSION}: start that "
        "newer Tandem, or delete the checkpoint's folder to go on from the one before it"
    )
