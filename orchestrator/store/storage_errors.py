"""Explains errors of SQLite and the file system in sentences with a remedy."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError, ProgrammingError

from actors.core.errors import error_text
from orchestrator.errors import StorageUnavailable
from orchestrator.files.file_systems import network_mount, network_text

FREE_SPACE = "free some space there; nothing that was saved before is lost"
MAKE_WRITABLE = "make it writable, or choose another --storage-path"
RESTORE = (
    "move it aside together with its -wal and -shm files, then put a copy back in its place, or "
    "start with an empty store (its jobs then have new folders: the checkpoints there are kept)"
)


@dataclass(frozen=True)
class Trouble:
    """A cause and its remedy, as parts of a sentence."""

    cause: str
    remedy: str


AGAIN = "try again; nothing was changed"
LOCAL_DISK = "choose a --storage-path on a disk of the gateway's host"
FREE_MEMORY = "end what uses the memory, or provide more, then try again; nothing was changed"
LOOK = (
    "nothing was changed. Try again; if that does not help, check that no other program uses the "
    "file, and read the JobManager's log"
)

# By SQLite's own words: Python 3.10 gives no error codes. The words have been these for decades.
# The first that is found counts.
TROUBLES = {
    "database is locked": Trouble(
        "another process keeps it locked",
        "end what has it open (`fuser` names it) or wait until that is done, then try again",
    ),
    "is locked": Trouble("another operation has a part of it locked", AGAIN),
    "locking protocol": Trouble(
        "its file system's locks fail, or too many programs want them", LOCAL_DISK
    ),
    "out of memory": Trouble("the memory has run out", FREE_MEMORY),
    "interrupted": Trouble("the operation was interrupted", AGAIN),
    "abort": Trouble("the operation was interrupted", AGAIN),
    "schema has changed": Trouble("another program has changed its tables", AGAIN),
    "database or disk is full": Trouble("the disk is full", FREE_SPACE),
    "readonly database": Trouble("it is read-only", MAKE_WRITABLE),
    "permission denied": Trouble("permission is denied", MAKE_WRITABLE),
    "authorization denied": Trouble("permission is denied", MAKE_WRITABLE),
    "unable to open database file": Trouble("it can't be opened", MAKE_WRITABLE),
    "large file support": Trouble("its file system takes no large files", LOCAL_DISK),
    "too big": Trouble(
        "something is too large for the database", "make it smaller; nothing was changed"
    ),
    "disk I/O error": Trouble(
        "the disk reports an I/O error", "look in the system's log whether the disk is failing"
    ),
    "already exists": Trouble(
        "another program's tables are in it", "choose another --storage-path, or move it aside"
    ),
    "unsupported file format": Trouble(
        "a newer SQLite wrote it", "use that one again, or choose another --storage-path"
    ),
    "file is not a database": Trouble("it is damaged, or no SQLite database", RESTORE),
    "malformed": Trouble("it is damaged", RESTORE),
}
# What the system calls a refusal -> what helps; of others, that it can't be written.
REMEDIES = {
    errno.ENOSPC: FREE_SPACE,
    errno.EDQUOT: FREE_SPACE,
    errno.ENOMEM: FREE_MEMORY,
    errno.EMFILE: "raise the limit of open files (`ulimit -n`), then start Tandem again",
    errno.ENFILE: "end what has so many files open, then try again",
    errno.EIO: "look in the system's log whether the disk is failing",
    errno.ENAMETOOLONG: "choose a shorter --storage-path",
    errno.ENOTDIR: "choose a folder as --storage-path, not a file",
    errno.EEXIST: "choose a folder as --storage-path, not a file",
    errno.EISDIR: "move the folder of that name away, or choose another --storage-path",
    errno.ENOLCK: f"its file system gives no locks: {LOCAL_DISK}",
    errno.ENOSYS: f"its file system gives no locks: {LOCAL_DISK}",
    errno.EOPNOTSUPP: f"its file system can't do that: {LOCAL_DISK}",
    errno.ESTALE: "mount its file system anew, then try again",
    errno.ETIMEDOUT: "check that the host of its file system answers, then try again",
    errno.EHOSTDOWN: "check that the host of its file system answers, then try again",
}


@contextmanager
def explained(file: Path) -> Iterator[None]:
    """Turns errors of the database or its disk into ``StorageUnavailable``.

    Violated constraints and wrong statements pass unchanged, because no user can fix them.
    """
    try:
        yield
    except (IntegrityError, ProgrammingError):
        raise
    except MemoryError as error:  # so Python calls SQLite's "out of memory"
        raise unavailable(file, TROUBLES["out of memory"]) from error
    except (DatabaseError, OSError) as error:
        raise explain(file, error) from error


def explain(file: Path, error: DBAPIError | OSError) -> StorageUnavailable:
    """The error's sentence: path, cause, remedy."""
    if isinstance(error, OSError):
        cause = error.strerror or error_text(error)
        remedy = REMEDIES.get(error.errno or 0, MAKE_WRITABLE)
        return unavailable(file, Trouble(f"it can't be used ({cause})", remedy))
    words = str(error.orig)
    if "disk I/O error" in words and (refusal := _refusal(file.parent)) is not None:
        return explain(file, refusal)
    return unavailable(file, trouble_of(words))


def trouble_of(words: str) -> Trouble:
    """The meaning of SQLite's words. Unknown words give no reason to move the file away."""
    for known, trouble in TROUBLES.items():
        if known in words:
            return Trouble(f"{trouble.cause} ({words})", trouble.remedy)
    return Trouble(f"SQLite says: {words}", LOOK)


def _refusal(folder: Path) -> OSError | None:
    """The file system's own error for a new file, if there is one. It tells more than SQLite's."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error if error.errno in (errno.EROFS, errno.ENOSPC, errno.EDQUOT) else None


def unavailable(file: Path, trouble: Trouble) -> StorageUnavailable:
    """An error that names the file, what is wrong with it and what helps."""
    mount = network_mount(file)
    lies = "" if mount is None else f". It {network_text(mount)}"
    return StorageUnavailable(
        f"The store {file} is unavailable: {trouble.cause}; {trouble.remedy}{lies}"
    )
