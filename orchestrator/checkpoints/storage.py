"""The storage of checkpoints: an interface, and a folder on the gateway's host that implements
it."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from actors.core.errors import error_text
from orchestrator.errors import StorageUnavailable

PARTIAL_SUFFIX = ".partial"


class Storage(Protocol):
    """Files by name; ``/`` in a name makes folders.

    All methods raise ``StorageUnavailable`` naming path, cause and remedy when the storage fails.
    """

    def write(self, name: str, parts: Sequence[memoryview]) -> None:
        """Writes ``parts`` one after the other as the file ``name``, and replaces an existing one.

        A reader finds either the old or the new file, whole; on return the new one is durable.
        """

    def read(self, name: str) -> bytes:
        """A file's content; raises ``FileNotFoundError`` when there is none."""

    def list(self, folder: str) -> dict[str, int]:
        """Sizes in bytes, by name relative to ``folder``, of all files at any depth below it.

        Leftovers of interrupted writes are among them.
        """

    def delete(self, name: str) -> None:
        """Removes a file, or a folder with all below it; durable on return. No error if absent."""

    def describe(self) -> str:
        """The storage's place: ``<this>/<name>`` shows a user where a file is."""


class LocalStorage:
    """The ``Storage`` in a local or mounted folder, which is made when first written to."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def write(self, name: str, parts: Sequence[memoryview]) -> None:
        """Writes ``<name>.partial``, fsyncs and renames it, and fsyncs the folder."""
        path = self._root / name
        partial = path.with_name(path.name + PARTIAL_SUFFIX)
        with _explained(path, "write"):
            _make_folder(path.parent)
            _write_durably(partial, parts)
            os.replace(partial, path)
            _sync_folder(path.parent)

    def read(self, name: str) -> bytes:
        """See ``Storage``."""
        with _explained(self._root / name, "read"):
            return (self._root / name).read_bytes()

    def list(self, folder: str) -> dict[str, int]:
        """See ``Storage``; what goes while it looks is left out."""
        start = self._root / folder
        with _explained(start, "read"):
            return dict(_sizes(start, ""))

    def delete(self, name: str) -> None:
        """See ``Storage``."""
        path = self._root / name
        with _explained(path, "delete"), contextlib.suppress(FileNotFoundError):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
            _sync_folder(path.parent)

    def describe(self) -> str:
        """The folder's path."""
        return str(self._root)


def _make_folder(folder: Path) -> None:
    """Makes the folder and its parents; each is durable in the one above it."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def _write_durably(path: Path, parts: Sequence[memoryview]) -> None:
    with path.open("wb") as file:
        for part in parts:
            file.write(part)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sizes(folder: Path, prefix: str) -> Iterator[tuple[str, int]]:
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            name = prefix + entry.name
            if entry.is_dir():
                yield from _sizes(folder / entry.name, name + "/")
            else:
                with contextlib.suppress(FileNotFoundError):
                    yield name, entry.stat().st_size


_CAUSES = {
    errno.ENOSPC: ("the disk is full", "free some space there"),
    errno.EDQUOT: ("the user's quota of the disk is used up", "free some space there"),
    errno.EROFS: ("the file system is read-only", "mount it writable"),
    errno.EACCES: ("permission denied", "give Tandem's user the right to it"),
    errno.EPERM: ("permission denied", "give Tandem's user the right to it"),
    errno.EIO: ("the disk reports an error", "check the disk and its connection"),
}


@contextlib.contextmanager
def _explained(path: Path, doing: str) -> Iterator[None]:
    """Turns an ``OSError`` into a ``StorageUnavailable``, but not that there is no such file."""
    try:
        yield
    except FileNotFoundError:
        if doing == "write":
            raise StorageUnavailable(
                f"Can't write {path}: its folder has disappeared; mount it again"
            ) from None
        raise
    except OSError as error:
        cause, remedy = _CAUSES.get(
            error.errno or 0, (error.strerror or error_text(error), "make it usable")
        )
        raise StorageUnavailable(
            f"Can't {doing} {path}: {cause}; {remedy}, or move Tandem's storage to another disk "
            "(TANDEM_STORAGE_PATH)"
        ) from error
