"""Saves, finds, loads and clears away the training states of jobs."""

from __future__ import annotations

import builtins
import contextlib
import hashlib
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone

import torch

from actors.core.snapshots import StageSnapshot, TrainingState
from actors.core.version import __version__
from orchestrator.checkpoints.layout import (
    MANIFEST,
    checkpoint_name,
    is_checkpoint_name,
    job_folder,
    run_folder,
    run_of,
    stage_file_names,
)
from orchestrator.checkpoints.manifest import (
    CheckpointAbout,
    CheckpointInfo,
    Manifest,
    StageEntry,
    decode_manifest,
    encode_manifest,
)
from orchestrator.checkpoints.retention import plan_kept
from orchestrator.checkpoints.stage_file import decode_stage, encode_stage
from orchestrator.checkpoints.storage import Storage
from orchestrator.errors import (
    CheckpointDamaged,
    CheckpointTooNew,
    NotFound,
    StorageUnavailable,
)


@dataclass(frozen=True)
class Loaded:
    """A checkpoint's state; ``passed_over`` has a sentence for each newer one that is unusable."""

    info: CheckpointInfo
    state: TrainingState
    passed_over: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Folder:
    """A checkpoint's folder: its name in the storage, and its files' sizes in bytes."""

    name: str
    files: dict[str, int]

    @property
    def checkpoint_id(self) -> str:
        return self.name.rpartition("/")[2]

    @property
    def has_manifest(self) -> bool:
        """Without one it never was a checkpoint: its writing, or its deletion, was interrupted."""
        return MANIFEST in self.files


class CheckpointStore:
    """The checkpoints of all jobs in one storage.

    One thread at a time may save to or retain in a run; lists and loads may go on meanwhile.
    All methods raise ``StorageUnavailable`` when the storage fails.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._found_damaged: set[str] = set()

    def save(self, about: CheckpointAbout, state: TrainingState) -> CheckpointInfo:
        """Writes a file a stage, then the manifest; on return the checkpoint is durable.

        Until the manifest is in place it does not count; one of the same ``total_steps`` that is
        there already counts until then. ``state`` must not change meanwhile. Where the storage
        fails, what was written of it is taken away again, as far as it can be.
        """
        folder = f"{run_folder(about.job_id, about.run)}/{checkpoint_name(about.total_steps)}"
        names = stage_file_names(len(state.stages), taken=set(self._storage.list(folder)))
        try:
            info = self._write(folder, names, about, state).info
        finally:
            self._sweep(folder)
        self._found_damaged.discard(folder)
        return info

    def load_latest(self, job_id: str, run: int) -> Loaded | None:
        """The newest whole checkpoint of a run; None when none was ever completed.

        Raises ``CheckpointDamaged`` when there are some but all are damaged, and
        ``CheckpointTooNew`` when the newest whole one is of a later version of the format: going
        back behind it would lose training.
        """
        passed_over: builtins.list[str] = []
        any_damaged = False
        for folder in self._folders(job_id, run):
            try:
                loaded = self._load(folder)
                return Loaded(loaded.info, loaded.state, tuple(passed_over))
            except CheckpointDamaged as error:
                any_damaged = any_damaged or folder.has_manifest
                self._found_damaged.add(folder.name)
                passed_over.append(f"Passed over {folder.checkpoint_id}: {error.message}")
        if any_damaged:
            raise CheckpointDamaged(
                f"No checkpoint of job {job_id} can be used. {'. '.join(passed_over)}. Restore "
                f"{self._path(run_folder(job_id, run))} from a copy, or initialize the job again"
            )
        return None

    def load(self, job_id: str, run: int, checkpoint_id: str) -> Loaded:
        """One checkpoint.

        Raises ``NotFound`` when there is none of this id, ``CheckpointDamaged``,
        ``CheckpointTooNew``.
        """
        for folder in self._folders(job_id, run):
            if folder.checkpoint_id == checkpoint_id and folder.has_manifest:
                return self._load(folder)
        known = [info.checkpoint_id for info in self.list(job_id, run)]
        raise NotFound(
            f"Job {job_id} has no checkpoint {checkpoint_id!r}; it has {', '.join(known) or 'none'}"
        )

    def list(self, job_id: str, run: int) -> list[CheckpointInfo]:
        """Newest first; whole as far as manifests, files' sizes and earlier loads tell.

        Those of a later version of the format are left out.
        """
        infos = []
        for folder in self._folders(job_id, run):
            with contextlib.suppress(CheckpointDamaged, CheckpointTooNew):
                infos.append(self._look_at(folder).info)
        return infos

    def retain(self, job_id: str, run: int, keep_last: int, keep_best: int) -> None:
        """Deletes all but the newest ``keep_last`` and the ``keep_best`` of lowest ``val_loss``.

        Leftovers of interrupted writes and deletions go, too, and so do damaged checkpoints once
        there is a whole one. Those of a later version of the format stay. ``keep_last`` is at
        least 1.
        """
        whole, useless = self._sort_out(job_id, run)
        kept = plan_kept([manifest.info for manifest in whole.values()], keep_last, keep_best)
        for folder in useless:
            if kept or not folder.has_manifest:
                self._delete(folder.name)
        for name, manifest in whole.items():
            if manifest.info.checkpoint_id in kept:
                self._sweep(name)
            else:
                self._delete(name)

    def delete_runs(self, job_id: str, below: int) -> None:
        """Deletes all checkpoints of the runs before run ``below``."""
        folder = job_folder(job_id)
        runs = {name.partition("/")[0] for name in self._storage.list(folder)}
        for name in sorted(runs):
            run = run_of(name)
            if run is not None and run < below:
                self._delete(f"{folder}/{name}")

    def delete_job(self, job_id: str) -> None:
        """Deletes all checkpoints of a job."""
        self._delete(job_folder(job_id))

    def _path(self, name: str) -> str:
        return f"{self._storage.describe()}/{name}"

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

    def _folders(self, job_id: str, run: int) -> Iterator[_Folder]:
        """A run's checkpoints, whole or not, newest first."""
        top = run_folder(job_id, run)
        found: dict[str, dict[str, int]] = {}
        for path, num_bytes in self._storage.list(top).items():
            name, _, file = path.partition("/")
            if is_checkpoint_name(name):
                found.setdefault(name, {})[file] = num_bytes
        for name in sorted(found, key=lambda name: int(name.removeprefix("step-")), reverse=True):
            yield _Folder(f"{top}/{name}", found[name])

    def _sort_out(
        self, job_id: str, run: int
    ) -> tuple[dict[str, Manifest], builtins.list[_Folder]]:
        """The whole ones by their folders, and folders that hold no usable checkpoint."""
        whole, useless = {}, []
        for folder in self._folders(job_id, run):
            try:
                whole[folder.name] = self._look_at(folder)
            except CheckpointTooNew:
                continue
            except CheckpointDamaged:
                useless.append(folder)
        return whole, useless

    def _look_at(self, folder: _Folder) -> Manifest:
        """The manifest of one that seems whole; else ``CheckpointDamaged``.

        One that ``load_latest`` passed over would otherwise look like the newest whole one, and
        retention would keep it instead of those written since.
        """
        if folder.name in self._found_damaged:
            raise CheckpointDamaged(f"{self._path(folder.name)} was found damaged")
        return self._read_manifest(folder)

    def _read_manifest(self, folder: _Folder) -> Manifest:
        """Raises ``CheckpointDamaged``, also when a file is missing or has another size."""
        path = self._path(folder.name)
        if not folder.has_manifest:
            raise CheckpointDamaged(f"{path} was never completed: it has no {MANIFEST}")
        manifest = decode_manifest(
            self._read(f"{folder.name}/{MANIFEST}"), self._path(f"{folder.name}/{MANIFEST}")
        )
        for stage in manifest.stages:
            size = folder.files.get(stage.file)
            if size is None:
                raise CheckpointDamaged(f"{path}/{stage.file} is missing")
            if size != stage.num_bytes:
                raise CheckpointDamaged(
                    f"{path}/{stage.file} has {size} bytes instead of {stage.num_bytes}"
                )
        return manifest

    def _load(self, folder: _Folder) -> Loaded:
        manifest = self._read_manifest(folder)
        stages = tuple(self._load_stage(folder.name, entry) for entry in manifest.stages)
        return Loaded(manifest.info, TrainingState(stages))

    def _load_stage(self, folder: str, entry: StageEntry) -> StageSnapshot:
        data = self._read(f"{folder}/{entry.file}")
        if hashlib.sha256(data).hexdigest() != entry.sha256:
            path = self._path(f"{folder}/{entry.file}")
            raise CheckpointDamaged(f"{path} is damaged: its checksum is wrong")
        weights, optimizer = decode_stage(data)
        return StageSnapshot(entry.start, entry.end, entry.cursor, weights, optimizer)

    def _read(self, name: str) -> bytes:
        try:
            return self._storage.read(name)
        except FileNotFoundError:
            raise CheckpointDamaged(f"{self._path(name)} is missing") from None

    def _sweep(self, folder: str) -> None:
        """Deletes what the folder's manifest does not name, as far as that can be done.

        The manifest in place decides: when writing one failed, it is the old or the new one.
        """
        with contextlib.suppress(StorageUnavailable):
            names = set(self._storage.list(folder))
            if MANIFEST in names:
                manifest = decode_manifest(self._read(f"{folder}/{MANIFEST}"), folder)
                names -= {MANIFEST, *(stage.file for stage in manifest.stages)}
            for name in names:
                self._storage.delete(f"{folder}/{name}")

    def _delete(self, folder: str) -> None:
        """Manifests first, the oldest before the others, so that none lacks its files."""
        names = self._storage.list(folder)
        for name in sorted(names):
            if f"/{name}".endswith(f"/{MANIFEST}"):
                self._storage.delete(f"{folder}/{name}")
        self._storage.delete(folder)
