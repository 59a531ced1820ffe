"""The lock that lets only one process use a storage path. A file beside it names that process."""

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
    """Waits up to ``timeout_s`` for the lock of ``role``; then ``owner`` is noted as its holder.

    The system frees the lock when the process ends, even by a kill. The note stays behind, and
    counts only while the lock is held. Raises ``StorageUnavailable``, which names the holder, and
    ``OSError`` if the folder can't be written.
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
    # On a full disk the file stays empty. That is no reason to fail.
    with suppress(OSError):
        record = json.dumps(asdict(ProcessRecord.of(os.getpid())))
        owner_file.write_text(f"{owner} (process {os.getpid()})\n{record}\n", encoding="utf-8")
    return lock


def lock_holder(storage_path: Path, role: str) -> psutil.Process | None:
    """The process that holds the lock of ``role``; None if it is free. Raises
    ``StorageUnavailable`` if the holder can't be found: it is of an earlier Tandem, or on another
    host."""
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
