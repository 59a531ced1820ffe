"""The folders from which files may be read, and the search for a file that a user names."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from actors.core.errors import DatasetUnavailable, InvalidRequest
from actors.core.fields import shown_value

MAX_PATH_CHARS = 4096
UPLOADED_FILES = "files"
"""In the folder of an uploaded data set: the folder with what was uploaded."""


@dataclass(frozen=True)
class Folders:
    """Absolute. Data sets lie in ``data``; files that a user names must lie in one of ``allowed``,
    at any depth, wherever links lead. Uploaded data sets lie in ``uploads``, each in a folder of
    its name: only a job that asks for one by its name reads there."""

    data: Path
    allowed: tuple[Path, ...]
    uploads: Path | None = None

    def of_upload(self, name: str) -> Folders:
        """The folders for a job on this uploaded data set, which may read its files and no others.
        Raises ``DatasetUnavailable``."""
        files = None if self.uploads is None else self.uploads / name / UPLOADED_FILES
        if files is None or not files.is_dir():
            raise DatasetUnavailable(
                f"The data set {name} is not here any more: upload it again with POST "
                f"/api/datasets/{name}"
            )
        return replace(self, allowed=(files.resolve(),))

    def find(self, where: str, path: str) -> Path:
        """Finds the regular file that ``path`` names: an absolute path, or one in the first allowed
        folder that has it. Raises ``InvalidRequest``; ``where`` names the field. It does not touch
        files elsewhere."""
        return self._find(where, path, "file", is_file)

    def find_folder(self, where: str, path: str) -> Path:
        """The folder that it names, likewise."""
        return self._find(where, path, "folder", os.path.isdir)

    def find_any(self, where: str, path: str) -> Path:
        """A regular file or a folder."""
        return self._find(where, path, "file or folder", _is_either)

    def contains(self, place: Path) -> bool:
        """Whether what is there may be read, wherever its links lead."""
        return self._allowed(place) is not None

    def _find(self, where: str, path: str, wanted: str, suits: Callable[[Path], bool]) -> Path:
        given = Path(path)
        if "\0" in path or not path:
            raise InvalidRequest(f"{where} is {shown_value(path)}, but must be a path")
        places = [given] if given.is_absolute() else [own / given for own in self.allowed]
        found = [resolved for place in places if (resolved := self._allowed(place)) is not None]
        if not found:
            raise InvalidRequest(
                f"{where} is {shown_value(path)}, which is in none of the folders whose files may "
                f"be read: {self._names()}. Put it there, or name its folder in the setting "
                "data_roots (TANDEM_DATA_ROOTS)"
            )
        suitable = [place for place in found if suits(place)]
        if not suitable:
            raise InvalidRequest(
                f"{where} is {shown_value(path)}, but there is no such {wanted} in {self._names()} "
                "that may be read: put it there, and give the user who runs Tandem the right to it"
            )
        return suitable[0]

    def _allowed(self, place: Path) -> Path | None:
        try:
            resolved = place.resolve()
            inside = any(resolved.is_relative_to(own.resolve()) for own in self.allowed)
        # Links that lead to themselves, names that are too long, or no text of any file system.
        except (OSError, RuntimeError, ValueError):
            return None
        return resolved if inside else None

    def _names(self) -> str:
        return ", ".join(map(str, self.allowed)) or "none is named"


def is_file(place: Path) -> bool:
    """Reading a pipe would wait for ever."""
    try:
        return stat.S_ISREG(place.stat().st_mode)
    except OSError:
        return False


def _is_either(place: Path) -> bool:
    return is_file(place) or os.path.isdir(place)
