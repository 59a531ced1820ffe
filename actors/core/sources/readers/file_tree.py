"""The files below a folder, in an order that is the same on every host."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from actors.core.errors import InvalidRequest
from actors.core.folders import Folders
from actors.core.rows.data_files import unreadable
from actors.core.rows.file_names import is_hidden
from actors.core.sources.samples import Skipped

MAX_FILES = 500_000
MAX_DEPTH = 16
HIDDEN_REASON = "is hidden, or belongs to the system"


@dataclass(frozen=True)
class FileTree:
    """``files`` are sorted by the parts of their paths. ``skipped`` lists everything else that
    was found."""

    files: tuple[Path, ...]
    skipped: tuple[Skipped, ...]


def list_files(root: Path, folders: Folders, suffixes: Collection[str]) -> FileTree:
    """All regular files below ``root`` whose names end in one of ``suffixes``, in lower case.

    Follows links within the folders that may be read. Raises ``InvalidRequest`` if a link leads
    elsewhere, and ``DatasetUnavailable`` if a folder can't be listed.
    """
    files: list[Path] = []
    skipped: list[Skipped] = []
    for entry in _entries(root, folders, 0):
        if is_hidden(entry.name):
            skipped.append(Skipped(entry.path, HIDDEN_REASON))
        elif os.path.splitext(entry.name)[1].lower() not in suffixes:
            skipped.append(Skipped(entry.path, f"does not end in {', '.join(sorted(suffixes))}"))
        elif not _is_file(entry):
            skipped.append(Skipped(entry.path, "is no regular file, or is a link to nothing"))
        else:
            files.append(Path(entry.path))
        if len(files) > MAX_FILES:
            raise InvalidRequest(
                f"{root} has more than {MAX_FILES:,} files: put them into fewer, such as tars of "
                "the format webdataset"
            )
    return FileTree(tuple(files), tuple(skipped))


def list_folders(root: Path, folders: Folders) -> tuple[list[Path], list[Skipped]]:
    """The folders in ``root`` by name, without hidden ones, and everything else in it. Raises
    ``InvalidRequest`` if a link leads out of the folders that may be read."""
    found: list[Path] = []
    beside: list[Skipped] = []
    for entry in _listed(root):
        _check_link(entry, folders)
        if not os.path.isdir(entry.path):
            beside.append(Skipped(entry.path, "lies beside the folders of the classes"))
        elif is_hidden(entry.name):
            beside.append(Skipped(entry.path, HIDDEN_REASON))
        else:
            found.append(Path(entry.path))
    return found, beside


def _entries(folder: Path, folders: Folders, depth: int) -> Iterator[os.DirEntry[str]]:
    if depth > MAX_DEPTH:
        raise InvalidRequest(
            f"{folder} lies more than {MAX_DEPTH} folders deep: links may lead in a circle. Name a "
            "folder whose files lie less deep"
        )
    for entry in _listed(folder):
        _check_link(entry, folders)
        if is_hidden(entry.name) or not _is_folder(entry):
            yield entry
        else:
            yield from _entries(Path(entry.path), folders, depth + 1)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Resolves only links, so that it asks the disk for nothing else."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _check_link(entry: os.DirEntry[str], folders: Folders) -> None:
    if entry.is_symlink() and not folders.contains(Path(entry.path)):
        raise InvalidRequest(
            f"{entry.path} is a link that leads out of the folders whose files may be read: "
            "replace it by what it leads to, or name that folder in the setting data_roots"
        )


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise unreadable(folder, error) from error
