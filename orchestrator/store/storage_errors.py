"""What SQLite and the file system refuse, as sentences with a remedy."""

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

FREE_SPACE = "free some space there; nothing that was saved before is lost"
MAKE_WRITABLE = "make it writable, or choose another --storage-path"
RESTORE = (
    "move it aside together with its -wal and -shm files, then put a copy back in its place, or "
    "start with an empty store (its jobs then have new folders: the checkpoints there are kept)"
)


@dataclass(frozen=True)
class Trouble:
    """What is wrong, and what helps."""

    cause: str
    remedy: str


# By SQLite's own words: Python 3.10 gives no error codes. The words have been these for decades.
TROUBLES = {
    "database is locked": Trouble(
        "another process keeps it locked",
        "end what has it open (`fuser` names it) or wait until that is done, then try again",
    ),
    "database or disk is full": Trouble("the disk is full", FREE_SPACE),
    "readonly database": Trouble("it is read-only", MAKE_WRITABLE),
    "unable to open database file": Trouble("it can't be opened", MAKE_WRITABLE),
    "disk I/O error": Trouble(
        "the disk reports an I/O error", "look into the system's log whether the disk is failing"
    ),
    "file is not a database": Trouble("it is damaged, or no SQLite database", RESTORE),
    "malformed": Trouble("it is damaged", RESTORE),
}


@contextmanager
def explained(file: Path) -> Iterator[None]:
    """Turns what the database or its disk refuse into ``StorageUnavailable``.

    Violated constraints and wrong statements pass: they are nothing a user could mend.
    """
    try:
        yield
    except (IntegrityError, ProgrammingError):
        raise
    except (DatabaseError, OSError) as error:
        raise explain(file, error) from error


def explain(file: Path, error: DBAPIError | OSError) -> StorageUnavailable:
    """The error's sentence: path, cause, remedy."""
    if isinstance(error, OSError):
        cause = error.strerror or error_text(error)
        remedy = FREE_SPACE if error.errno in (errno.ENOSPC, errno.EDQUOT) else MAKE_WRITABLE
        return unavailable(file, Trouble(f"it can't be used ({cause})", remedy))
    words = str(error.orig)
    if "disk I/O error" in words and (refusal := _refusal(file.parent)) is not None:
        return explain(file, refusal)
    for known, trouble in TROUBLES.items():
        if known in words:
            return unavailable(file, Trouble(f"{trouble.cause} ({words})", trouble.remedy))
    return unavailable(file, Trouble(f"SQLite says: {words}", RESTORE))


def _refusal(folder: Path) -> OSError | None:
    """What the file system says to a new file, where that tells more than SQLite's words do."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error if error.errno in (errno.EROFS, errno.ENOSPC, errno.EDQUOT) else None


def unavailable(file: Path, trouble: Trouble) -> StorageUnavailable:
    """An error that names the file, what is wrong with it and what helps."""
    return StorageUnavailable(f"The store {file} is unavailable: {trouble.cause}; {trouble.remedy}")
