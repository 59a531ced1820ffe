"""Files of data sets: their signatures, and the errors for files that can't be read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from actors.core.errors import DatasetUnavailable, error_text

REMEDY = "Put the right file in its place, or delete it and it is downloaded"


def is_there(path: Path) -> bool:
    """The file itself, or a gzip archive of it beside it."""
    return os.path.lexists(path) or os.path.lexists(archive_of(path))


def file_signature(path: Path) -> tuple[int, ...] | None:
    """The file's signature. It differs once the file, or the archive beside it, was replaced or
    changed."""
    found = _stat(path) or _stat(archive_of(path))
    return found and (found.st_mtime_ns, found.st_size, found.st_ino)


def _stat(place: Path) -> os.stat_result | None:
    try:
        return os.stat(place)
    except OSError:
        return None


def changed_while_read(path: object) -> DatasetUnavailable:
    """The error for a file that changed while its samples were read."""
    return DatasetUnavailable(
        f"{path} changed while it was read: put the old file back, or try again once nothing "
        "writes to it"
    )


def archive_of(path: Path) -> Path:
    """The archive's path."""
    return path.with_name(path.name + ".gz")


def file_unusable(path: Path, finding: str) -> DatasetUnavailable:
    """The sentence: file, finding and remedy."""
    return DatasetUnavailable(f"{path} {finding}. {REMEDY}")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns every error into ``DatasetUnavailable``, because readers of foreign formats may
    raise anything for a damaged file."""
    try:
        check_is_file(path)
        yield
    except DatasetUnavailable:
        raise
    except OSError as error:
        if error.errno is not None:
            raise unreadable(path, error) from error
        raise file_unusable(path, f"is damaged ({error_text(error)})") from error
    except Exception as error:
        finding = f"is not what it should be ({type(error).__name__}: {error_text(error)[:200]})"
        raise file_unusable(path, finding) from error


def check_is_file(path: Path) -> None:
    """Refuses what is not a regular file. Reading a pipe would never end."""
    if path.is_symlink() and not path.exists():
        raise file_unusable(path, f"is a link to {os.readlink(path)}, which is not there")
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise file_unusable(path, "is a folder, not a file")
    if not stat.S_ISREG(mode):
        raise file_unusable(path, "is no regular file, but a pipe, a socket or a device")


def unreadable(path: Path, error: OSError) -> DatasetUnavailable:
    """Explains an error of the disk or of access rights."""
    cause = (error.strerror or error_text(error)).lower()
    if isinstance(error, PermissionError):
        return DatasetUnavailable(
            f"{path} can't be read ({cause}): give the user who runs Tandem the right to it"
        )
    return DatasetUnavailable(
        f"{path} can't be read ({cause}): look whether its disk is well, or set TANDEM_DATA_DIR "
        "to a folder on another one"
    )
