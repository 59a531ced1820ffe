"""One process at a time has a storage path's store; its name is written beside the lock."""

from __future__ import annotations

import errno
import json
import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import psutil
from filelock import BaseFileLock, FileLock, Timeout

from orchestrator.cluster.own_processes import ProcessRecord
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
    except NotImplementedError as error:  # filelock's word for a file system without locks
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK)) from error
    except Timeout as error:
        raise StorageUnavailable(
            f"The storage path {storage_path} is in use by {_read(owner_file)} and did not become "
            f"free within {timeout_s:g} s: end that one, or choose another --storage-path"
        ) from error
    # A full disk is no reason to fail: what fails then leaves the file empty.
    with suppress(OSError):
        record = json.dumps(asdict(ProcessRecord.of(os.getpid())))
        owner_file.write_text(f"{owner} (process {os.getpid()})\n{record}\n", encoding="utf-8")
    return lock


def lock_holder(storage_path: Path, role: str) -> psutil.Process | None:
    """The process that has the lock of ``role``, None where none has it. Raises
    ``StorageUnavailable`` for one that can't be told: of an earlier Tandem, or of another host."""
    path = storage_path / f"{role}.lock"
    if not path.exists():
        return None
    lock = FileLock(path)
    with suppress(Timeout, OSError):
        lock.acquire(timeout=0)
        lock.release()
        return None
    owner_file = storage_path / f"{role}.owner"
    with suppress(OSError, ValueError, TypeError, IndexError):
        record = ProcessRecord(**json.loads(owner_file.read_text("utf-8").splitlines()[1]))
        if (process := record.process()) is not None:
            return process
    raise StorageUnavailable(
        f"The storage path {storage_path} is in use by {_read(owner_file)}: end that one first"
    )


def _read(owner_file: Path) -> str:
    try:
        return owner_file.read_text(encoding="utf-8").splitlines()[0]
    except (OSError, IndexError):
        return "another process"
