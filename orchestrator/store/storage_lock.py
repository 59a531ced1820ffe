"""One process at a time has a storage path's store; its name is written beside the lock."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from orchestrator.errors import StorageUnavailable


@dataclass(frozen=True)
class StorageLock:
    """The lock, held; the system frees it when its process ends, however that happens."""

    lock: BaseFileLock
    owner_file: Path

    def release(self) -> None:
        """Lets the next one in."""
        self.owner_file.unlink(missing_ok=True)
        self.lock.release()


def lock_storage(storage_path: Path, owner: str, timeout_s: float) -> StorageLock:
    """Waits ``timeout_s`` for the lock; ``owner`` says who has it from now on.

    Raises ``StorageUnavailable`` naming who has it, ``OSError`` when the folder can't be written.
    """
    storage_path.mkdir(parents=True, exist_ok=True)
    owner_file = storage_path / "job_manager.owner"
    # Opened and closed by different threads of the JobManager.
    lock = FileLock(storage_path / "job_manager.lock", thread_local=False)
    try:
        lock.acquire(timeout=timeout_s)
    except Timeout as error:
        raise StorageUnavailable(
            f"The storage path {storage_path} is in use by {_read(owner_file)} and did not become "
            f"free within {timeout_s:g} s: end that one, or choose another --storage-path"
        ) from error
    held = StorageLock(lock, owner_file)
    try:
        _write(owner_file, f"{owner} (process {os.getpid()})")
    except OSError:
        held.lock.release()
        raise
    return held


def _read(owner_file: Path) -> str:
    try:
        return owner_file.read_text(encoding="utf-8").strip() or "another process"
    except OSError:
        return "another process"


def _write(owner_file: Path, text: str) -> None:
    partial = owner_file.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(owner_file)
