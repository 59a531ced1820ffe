"""Saves the training states of jobs and clears them away."""

from __future__ import annotations

import builtins
import contextlib
import hashlib
import platform
import threading
from collections.abc import Iterable
from datetime import datetime, timezone

import torch

from actors.core.progress.snapshots import StageSnapshot, TrainingState
from actors.core.version import __version__
from orchestrator.checkpoints.checkpoint_reader import CheckpointFolder, CheckpointReader, Foreign
from orchestrator.checkpoints.layout import (
    MANIFEST,
    checkpoint_name,
    job_folder,
    session_folder,
    stage_file_names,
)
from orchestrator.checkpoints.lineage import Lineage
from orchestrator.checkpoints.manifest import (
    CheckpointAbout,
    CheckpointInfo,
    Manifest,
    StageEntry,
    decode_manifest,
    encode_manifest,
)
from orchestrator.checkpoints.retention import plan_kept
from orchestrator.checkpoints.stage_file import encode_stage
from orchestrator.checkpoints.storage import Storage
from orchestrator.errors import CheckpointDamaged, CheckpointTooNew, StorageUnavailable


class CheckpointStore(CheckpointReader):
    """The checkpoints of all jobs in one storage; any thread may read and write.

    If a checkpoint is being read, the next retention deletes it, unless its whole job or session
    goes. A checkpoint of another lineage is never touched.
    """

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage)
        self._writing: dict[str, threading.Lock] = {}

    def save(self, about: CheckpointAbout, state: TrainingState) -> CheckpointInfo:
        """Writes a file for each stage, then the manifest; on return the checkpoint is durable.

        It does not count until the manifest is in place; an existing one of the same
        ``total_steps`` counts until then. ``state`` must not change during the call. If the storage
        fails, what was written is removed again as far as possible.
        """
        top = session_folder(about.identity, about.session_folder)
        folder = f"{top}/{checkpoint_name(about.total_steps)}"
        with self._writer_of(about.identity):
            names = stage_file_names(len(state.stages), taken=set(self._storage.list(folder)))
            try:
                info = self._write(folder, names, about, state).info
            finally:
                self._sweep(folder)
            self._suspects.discard(folder)
        return info

    def retain(self, whose: Lineage, keep_last: int, keep_best: int) -> None:
        """Deletes all but the newest ``keep_last`` and the ``keep_best`` of lowest validation loss.

        Leftovers of interrupted writes and deletions go, too, and so do damaged checkpoints once
        there is a whole one. Those of a later version of the format stay. ``keep_last`` is at
        least 1.
        """
        with self._writer_of(whose.identity):
            whole, useless = self._look(whose, lambda folders: self._sort_out(whose, folders))
            kept = plan_kept([manifest.info for manifest in whole.values()], keep_last, keep_best)
            for folder in useless:
                if kept or not folder.has_manifest:
                    self._clear(folder.name)
            for name, manifest in whole.items():
                if manifest.info.checkpoint_id in kept:
                    self._sweep(name)
                else:
                    self._clear(name)

    def delete_sessions(self, identity: str, folders: Iterable[str]) -> None:
        """Deletes all checkpoints of these sessions of a job."""
        with self._writer_of(identity):
            for folder in folders:
                self._delete(session_folder(identity, folder))

    def delete_job(self, identity: str) -> None:
        """Deletes all checkpoints of a job."""
        with self._writer_of(identity):
            self._delete(job_folder(identity))

    def _writer_of(self, identity: str) -> threading.Lock:
        """Held by the one who writes to the job's folder."""
        return self._writing.setdefault(identity, threading.Lock())

    def _write(
        self, folder: str, names: builtins.list[str], about: CheckpointAbout, state: TrainingState
    ) -> Manifest:
        stages = [
            self._write_stage(folder, name, stage)
            for name, stage in zip(names, state.stages, strict=True)
        ]
        versions = {
            "tandem": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        }
        created_at = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        manifest = Manifest(about, created_at, versions, tuple(stages))
        self._storage.write(f"{folder}/{MANIFEST}", [memoryview(encode_manifest(manifest))])
        return manifest

    def _write_stage(self, folder: str, name: str, stage: StageSnapshot) -> StageEntry:
        parts = encode_stage(stage)
        digest = hashlib.sha256()
        for part in parts:
            digest.update(part)
        self._storage.write(f"{folder}/{name}", parts)
        num_bytes = sum(part.nbytes for part in parts)
        return StageEntry(name, num_bytes, digest.hexdigest(), stage.start, stage.end, stage.cursor)

    def _sort_out(
        self, whose: Lineage, folders: builtins.list[CheckpointFolder]
    ) -> tuple[dict[str, Manifest], builtins.list[CheckpointFolder]]:
        """The whole ones by their folders, and folders that hold no usable checkpoint, or one of a
        step of which a later session has a whole one."""
        whole: dict[str, Manifest] = {}
        useless, ids = [], set()
        for folder in folders:
            try:
                manifest = self._examine(whose, folder)
            except (CheckpointTooNew, Foreign):
                continue
            except CheckpointDamaged:
                useless.append(folder)
                continue
            if folder.checkpoint_id in ids:
                useless.append(folder)
            else:
                whole[folder.name] = manifest
                ids.add(folder.checkpoint_id)
        return whole, useless

    def _examine(self, whose: Lineage, folder: CheckpointFolder) -> Manifest:
        """The manifest of a checkpoint that seems whole; otherwise ``CheckpointDamaged``.

        A checkpoint that a load found damaged is read again, now that nobody writes. Otherwise it
        would count as the newest whole one, and be kept instead of those written since.
        """
        manifest = self._manifest(whose, folder)
        if folder.name in self._suspects:
            for entry in manifest.stages:
                self._read_checked(folder.name, entry)
            self._suspects.discard(folder.name)
        return manifest

    def _sweep(self, folder: str) -> None:
        """Deletes what the folder's manifest does not name, as far as that can be done.

        The manifest in place decides: when writing one failed, it is the old or the new one.
        """
        with self._pins.taking(folder) as free, contextlib.suppress(StorageUnavailable):
            names = set(self._storage.list(folder)) if free else set()
            if MANIFEST in names:
                path = f"{folder}/{MANIFEST}"
                manifest = decode_manifest(self._storage.read(path), self._path(path))
                names -= {MANIFEST, *(stage.file for stage in manifest.stages)}
            for name in names:
                self._storage.delete(f"{folder}/{name}")

    def _clear(self, folder: str) -> None:
        """Deletes a checkpoint, unless it is being read."""
        with self._pins.taking(folder) as free:
            if free:
                self._delete(folder)
                self._suspects.discard(folder)

    def _delete(self, folder: str) -> None:
        """Manifests first, the oldest before the others, so that none lacks its files."""
        names = self._storage.list(folder)
        for name in sorted(names):
            if f"/{name}".endswith(f"/{MANIFEST}"):
                self._storage.delete(f"{folder}/{name}")
        self._storage.delete(folder)
