"""One process at a time has a storage path's store; its name is written beside the lock."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from orchestrator.errors import StorageUnavailable


def lock_storage(
    storage_path: Path, owner: str, timeout_s: float, role: str = "job_manager"
) -> BaseFileLock:
    """Waits ``timeout_s`` for the lock of ``role``; ``owner`` says who has it from now on.

    The system frees it when its process ends, however that happens. The name stays behind; it
    counts while the lock is held. Raises ``StorageUnavailable`` naming who has it, ``OSError``
    when the folder can't be written.
    """
    storage_path.mkdir(parents=True, exist_ok=True)
    owner_file = storage_path / f"{role}.owner"
    # Opened and closed by different threads of the JobManager.
    lock = FileLock(storage_path / f"{role}.lock", thread_local=False)
    try:
        lock.acquire(timeout=timeout_s)
    except Timeout as error:
        raise StorageUnavailable(
            f"The storage path {storage_path} is in use by {_read(owner_file)} and did not become "
            f"free within {timeout_s:g} s: end that one, or choose another --storage-path"
        ) from error
    # A full disk is no reason to fail: what fails then leaves the file empty.
    with suppress(OSError):
        owner_file.write_text(f"{owner} (process {os.getpid()})", encoding="utf-8")
    return lock


def _read(owner_file: Path) -> str:
    try:
        return owner_file.read_text(encoding="utf-8") or "another process"
    except OSError:
        return "another process"
