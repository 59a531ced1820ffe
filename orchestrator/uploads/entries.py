"""Checks the names, sizes and number of an archive's entries. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

from actors.core.errors import InvalidRequest
from actors.core.fields import shown_value
from actors.core.units import size_text

MAX_FILES = 500_000
MAX_DEPTH = 16
MAX_NAME_BYTES = 255
MAX_PATH_BYTES = 1_000
UNPACKED_RATIO = 4
"""The unpacked files of an upload may take so many times the largest upload."""
MAX_RATIO = 200
RATIO_FREE_BYTES = 64 * 2**20
"""Files of less than this together may be packed as tightly as anybody can."""
IGNORED = "__MACOSX"
"""The folder that macOS adds to its archives. Other systems have no use for it."""
_NO_TEXT = frozenset({"Cc", "Cs"})
"""Unicode categories of control characters and of bytes that aren't UTF-8."""
_DRIVE = re.compile(r"[A-Za-z]:/")

NOT_UTF8 = "has a name that is no text in UTF-8"
RENAME = "rename the file, and pack it again"
Parts = tuple[str, ...]
"""A path below the folder that files are unpacked to: names of folders, then the file's name."""


@dataclass(frozen=True)
class UnpackLimits:
    """``max_bytes`` limits all unpacked files together."""

    max_bytes: int
    max_files: int = MAX_FILES
    max_depth: int = MAX_DEPTH
    max_ratio: int = MAX_RATIO


def refused_entry(name: str, wrong: str, remedy: str) -> InvalidRequest:
    """The error that refuses an entry."""
    return InvalidRequest(f"The archive's entry {shown_value(name)} {wrong}: {remedy}")


def parts_of(name: str) -> Parts:
    """The parts of an entry's name, none for the folder itself. Raises ``InvalidRequest`` if the
    name leads elsewhere, or if some system couldn't have it."""
    if any(unicodedata.category(character) in _NO_TEXT for character in name):
        raise refused_entry(name, NOT_UTF8, RENAME)
    if "\\" in name:
        raise refused_entry(
            name, "has a backslash in its name", "pack it again with / between folders"
        )
    if name.startswith("/") or _DRIVE.match(name):
        raise refused_entry(
            name, "has an absolute name", "pack the folder from within the one that it lies in"
        )
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if ".." in parts:
        raise refused_entry(
            name, "has .. in its name", "pack the folder from within the one that it lies in"
        )
    longest = max((len(part.encode()) for part in parts), default=0)
    if longest > MAX_NAME_BYTES or len(name.encode()) > MAX_PATH_BYTES:
        raise refused_entry(
            name,
            "has too long a name",
            f"use at most {MAX_NAME_BYTES} bytes for a file's name, and {MAX_PATH_BYTES:,} with "
            "its folders",
        )
    return parts


@dataclass
class EntryTally:
    """Counts the entries of an archive of ``packed_bytes``, each before it is written. Every error
    is an ``InvalidRequest`` with the entry's name."""

    limits: UnpackLimits
    packed_bytes: int
    num_files: int = 0
    num_bytes: int = 0
    _all_files: int = 0
    _all_bytes: int = 0
    _folders: dict[str, str] = field(default_factory=dict)
    _files: dict[str, str] = field(default_factory=dict)

    def add_file(self, name: str, num_bytes: int) -> Parts:
        """The place of the file; empty if it is to be ignored."""
        parts = parts_of(name)
        if not parts:
            raise refused_entry(name, "has no name", RENAME)
        self._count(name, num_bytes)
        if parts[0] == IGNORED:
            return ()
        self.num_files += 1
        self.num_bytes += num_bytes
        self._enter_folders(name, parts[:-1])
        key, path = _key(parts), "/".join(parts)
        if (other := self._files.get(key, self._folders.get(key))) is not None:
            raise _twice(name, path, other)
        self._files[key] = path
        return parts

    def add_folder(self, name: str) -> Parts:
        """The place of the folder; empty if it is the outermost one, or is to be ignored."""
        parts = parts_of(name)
        if parts[:1] == (IGNORED,):
            return ()
        self._enter_folders(name, parts)
        return parts

    def check_not_empty(self) -> None:
        """Call it after the last entry. Raises ``InvalidRequest``."""
        if self.num_files == 0:
            raise InvalidRequest("The archive has no files: pack a folder that has some")

    def _count(self, name: str, num_bytes: int) -> None:
        """Counts what is ignored, too: a tar that is compressed must be unpacked to get past it."""
        self._all_files += 1
        self._all_bytes += num_bytes
        limits = self.limits
        if self._all_files > limits.max_files:
            raise refused_entry(
                name,
                f"is one file more than {limits.max_files:,}, the limit",
                "put them into fewer, such as tars of the format webdataset",
            )
        if self._all_bytes > limits.max_bytes:
            raise refused_entry(
                name,
                f"makes its files larger than {size_text(limits.max_bytes)} together, the limit",
                "upload less, or set max_upload_bytes",
            )
        if self._all_bytes > max(RATIO_FREE_BYTES, limits.max_ratio * self.packed_bytes):
            raise refused_entry(
                name,
                f"makes its files {limits.max_ratio} times as large as the archive, the limit",
                "if they are meant to be so, send them in a tar that is not compressed",
            )

    def _enter_folders(self, name: str, parts: Parts) -> None:
        if len(parts) > self.limits.max_depth:
            raise refused_entry(
                name,
                f"lies more than {self.limits.max_depth} folders deep",
                "put the files into fewer folders",
            )
        for depth in range(1, len(parts) + 1):
            key, path = _key(parts[:depth]), "/".join(parts[:depth])
            known = self._folders.setdefault(key, path)
            if known != path or key in self._files:
                raise _twice(name, path, self._files.get(key, known))
            if len(self._folders) > self.limits.max_files:
                raise refused_entry(
                    name,
                    f"is in one folder more than {self.limits.max_files:,}, the limit",
                    "put the files into fewer folders",
                )


def _key(parts: Parts) -> str:
    """A key that is equal if some system can't keep the names apart."""
    return unicodedata.normalize("NFC", "/".join(parts)).casefold()


def _twice(name: str, path: str, other: str) -> InvalidRequest:
    if path == other:
        return refused_entry(name, "is there twice", "pack each file once")
    return refused_entry(
        name,
        f"has the same name as {shown_value(other)}, but for capitals or accents",
        "rename one of them: some systems can't have both",
    )
