"""Finds and loads the training states of jobs; changes nothing in the storage."""

from __future__ import annotations

import builtins
import contextlib
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from actors.core.progress.snapshots import StageSnapshot, TrainingState
from orchestrator.checkpoints.layout import (
    JOBS,
    MANIFEST,
    is_checkpoint_name,
    job_folder,
    session_folder,
)
from orchestrator.checkpoints.lineage import Lineage
from orchestrator.checkpoints.manifest import (
    CheckpointInfo,
    Manifest,
    StageEntry,
    decode_manifest,
)
from orchestrator.checkpoints.pins import Pins
from orchestrator.checkpoints.stage_file import decode_stage
from orchestrator.checkpoints.storage import Storage
from orchestrator.errors import CheckpointDamaged, CheckpointTooNew, NotFound, StorageUnavailable

Result = TypeVar("Result")
MAX_LOOKS = 100


@dataclass(frozen=True)
class Loaded:
    """A checkpoint's state; ``passed_over`` has a sentence for each newer one that is unusable."""

    info: CheckpointInfo
    state: TrainingState
    passed_over: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckpointFolder:
    """A checkpoint's folder as it was listed: its name in the storage, and its files."""

    name: str
    files: frozenset[str]

    @property
    def checkpoint_id(self) -> str:
        return self.name.rpartition("/")[2]

    @property
    def has_manifest(self) -> bool:
        """Without a manifest it is not a checkpoint: writing or deleting it was interrupted."""
        return MANIFEST in self.files


class Foreign(Exception):
    """A checkpoint of another job, or of a session that the job does not know."""


class _Moved(Exception):
    """A checkpoint was deleted between two looks: there is a newer one."""


class CheckpointReader:
    """Reads while others write: what it has begun to read stays until it is done with it.

    Checkpoints that are not of the lineage that is asked for are as good as not there. All methods
    raise ``StorageUnavailable`` when the storage fails.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._pins = Pins()
        self._suspects: set[str] = set()
        """Found damaged by a load; whether they are, is for the writer to decide."""

    def load_latest(self, whose: Lineage) -> Loaded | None:
        """The newest whole checkpoint; None when none was ever completed.

        Raises ``CheckpointDamaged`` when there are some but all are damaged, and
        ``CheckpointTooNew`` when the newest whole one is of a later version of the format: going
        back behind it would lose training.
        """
        return self._look(whose, lambda folders: self._load_newest(whose, folders))

    def load(self, whose: Lineage, checkpoint_id: str) -> Loaded:
        """One checkpoint.

        Raises ``NotFound`` if there is none with this id, ``CheckpointDamaged``,
        ``CheckpointTooNew``.
        """
        for folder in self._folders(whose):
            if folder.checkpoint_id == checkpoint_id and folder.has_manifest:
                with contextlib.suppress(Foreign, _Moved):
                    return self._load(whose, folder)
        raise self._unknown(whose, checkpoint_id)

    def find(self, whose: Lineage, checkpoint_id: str) -> CheckpointInfo:
        """What is known of one, without reading its weights; raises ``NotFound``."""
        for info in self.list(whose):
            if info.checkpoint_id == checkpoint_id:
                return info
        raise self._unknown(whose, checkpoint_id)

    def list(self, whose: Lineage) -> list[CheckpointInfo]:
        """Newest first. It trusts manifests and files' sizes, and reads no file.

        Checkpoints of a later version of the format are left out.
        """
        return self._look(whose, lambda folders: self._infos(whose, folders))

    def strangers(self, known: Iterable[Lineage]) -> builtins.list[str]:
        """Paths of the folders that hold checkpoints of none of these lineages."""
        of_job = {whose.identity: whose for whose in known}
        found = set()
        for path in self._storage.list(JOBS):
            identity, session, name, *_ = [*path.split("/"), "", ""]
            if not is_checkpoint_name(name):
                continue
            if identity not in of_job:
                found.add(f"{JOBS}/{identity}")
            elif session not in of_job[identity].folders:
                found.add(f"{JOBS}/{identity}/{session}")
        for whose in of_job.values():
            found |= {f.name for f in self._folders(whose) if self._is_foreign(whose, f)}
        return [self._path(name) for name in sorted(found)]

    def _unknown(self, whose: Lineage, checkpoint_id: str) -> NotFound:
        known = ", ".join(info.checkpoint_id for info in self.list(whose)) or "none"
        return NotFound(f"Job {whose.job_id} has no checkpoint {checkpoint_id!r}; it has {known}")

    def _load_newest(
        self, whose: Lineage, folders: builtins.list[CheckpointFolder]
    ) -> Loaded | None:
        passed_over: builtins.list[str] = []
        any_damaged = False
        for folder in folders:
            try:
                loaded = self._load(whose, folder)
                return Loaded(loaded.info, loaded.state, tuple(passed_over))
            except Foreign:
                continue
            except CheckpointDamaged as error:
                any_damaged = any_damaged or folder.has_manifest
                passed_over.append(f"Passed over {folder.checkpoint_id}: {error.message}")
        if any_damaged:
            raise CheckpointDamaged(
                f"No checkpoint of job {whose.job_id} can be used. {'. '.join(passed_over)}. "
                f"Restore {self._path(job_folder(whose.identity))} from a copy, or initialize the "
                "job again"
            )
        return None

    def _infos(
        self, whose: Lineage, folders: builtins.list[CheckpointFolder]
    ) -> builtins.list[CheckpointInfo]:
        infos: dict[str, CheckpointInfo] = {}
        for folder in folders:
            with contextlib.suppress(CheckpointDamaged, CheckpointTooNew, Foreign):
                with self._pins.reading(folder.name):
                    info = self._manifest(whose, folder).info
                infos.setdefault(folder.checkpoint_id, info)
        return builtins.list(infos.values())

    def _is_foreign(self, whose: Lineage, folder: CheckpointFolder) -> bool:
        with contextlib.suppress(CheckpointDamaged, CheckpointTooNew, _Moved):
            try:
                self._manifest(whose, folder)
            except Foreign:
                return True
        return False

    def _look(
        self, whose: Lineage, act: Callable[[builtins.list[CheckpointFolder]], Result]
    ) -> Result:
        """Looks again when retention was quicker than ``act``."""
        for _ in range(MAX_LOOKS):
            with contextlib.suppress(_Moved):
                return act(self._folders(whose))
        raise StorageUnavailable(
            f"The checkpoints in {self._path(job_folder(whose.identity))} were deleted faster than "
            f"they could be read, {MAX_LOOKS} times: try again"
        )

    def _folders(self, whose: Lineage) -> builtins.list[CheckpointFolder]:
        """The sessions' checkpoints, whole or not, newest first."""
        found: dict[str, set[str]] = {}
        for session in reversed(whose.folders):
            top = session_folder(whose.identity, session)
            for path in self._storage.list(top):
                name, _, file = path.partition("/")
                if is_checkpoint_name(name):
                    found.setdefault(f"{top}/{name}", set()).add(file)
        folders = [CheckpointFolder(name, frozenset(files)) for name, files in found.items()]
        # Of two of one step, which come of two sessions, the later session's stays first.
        return sorted(
            folders, key=lambda f: int(f.checkpoint_id.removeprefix("step-")), reverse=True
        )

    def _load(self, whose: Lineage, folder: CheckpointFolder) -> Loaded:
        with self._pins.reading(folder.name):
            try:
                manifest = self._manifest(whose, folder)
                stages = tuple(self._load_stage(folder.name, e) for e in manifest.stages)
            except CheckpointDamaged:
                self._suspects.add(folder.name)
                raise
        return Loaded(manifest.info, TrainingState(stages))

    def _manifest(self, whose: Lineage, folder: CheckpointFolder) -> Manifest:
        """Raises ``CheckpointDamaged``, also if a file is missing or has another size; ``Foreign``
        for a checkpoint that does not belong to ``whose``. Nothing there is deleted in the
        meantime."""
        path = self._path(folder.name)
        if not folder.has_manifest:
            raise CheckpointDamaged(f"{path} was never completed: it has no {MANIFEST}")
        try:
            data = self._storage.read(f"{folder.name}/{MANIFEST}")
        except FileNotFoundError:
            raise _Moved from None
        manifest = decode_manifest(data, f"{path}/{MANIFEST}")
        place = f"{manifest.about.session_folder}/{manifest.info.checkpoint_id}"
        if not whose.has(manifest.about) or not folder.name.endswith(f"/{place}"):
            raise Foreign
        self._check_sizes(folder.name, manifest)
        return manifest

    def _check_sizes(self, name: str, manifest: Manifest) -> None:
        """Compares with the files as they are now, because an older listing may be out of date."""
        files, path = self._storage.list(name), self._path(name)
        for stage in manifest.stages:
            size = files.get(stage.file)
            if size is None:
                raise CheckpointDamaged(f"{path}/{stage.file} is missing")
            if size != stage.num_bytes:
                raise CheckpointDamaged(
                    f"{path}/{stage.file} has {size} bytes instead of {stage.num_bytes}"
                )

    def _load_stage(self, folder: str, entry: StageEntry) -> StageSnapshot:
        weights, optimizer = decode_stage(self._read_checked(folder, entry))
        return StageSnapshot(entry.start, entry.end, entry.cursor, weights, optimizer)

    def _read_checked(self, folder: str, entry: StageEntry) -> bytes:
        path = self._path(f"{folder}/{entry.file}")
        try:
            data = self._storage.read(f"{folder}/{entry.file}")
        except FileNotFoundError:
            raise CheckpointDamaged(f"{path} is missing") from None
        if hashlib.sha256(data).hexdigest() != entry.sha256:
            raise CheckpointDamaged(f"{path} is damaged: its checksum is wrong")
        return data

    def _path(self, name: str) -> str:
        return f"{self._storage.describe()}/{name}"
