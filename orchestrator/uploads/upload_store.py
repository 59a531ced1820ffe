"""The folder of uploaded data sets.

``<name>`` is a link to ``.versions/<name>-<random>``, which has the files and what is known of
them. So a data set is there as a whole or not at all, even after a kill, and a new version replaces
the old one in one step. The folder itself is the list of data sets: it can't differ from what is
there, and needs no database.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actors.core.errors import Conflict
from actors.core.folders import UPLOADED_FILES
from orchestrator.errors import DatasetNotFound
from orchestrator.files.stored_json import from_stored, to_stored
from orchestrator.uploads.written_files import disk_errors

VERSIONS = ".versions"
ABOUT = "about.json"
LINK = "link"


def uploads_folder(storage_path: Path) -> Path:
    """The folder of uploads in a storage path."""
    return storage_path / "uploads"


@dataclass(frozen=True)
class UploadedDataset:
    """``config`` has the fields of a ``dataset_config`` that read its files. ``understood`` says
    what was found in them."""

    config: dict[str, Any]
    num_files: int
    num_bytes: int
    understood: dict[str, Any]


class UploadStore:
    """Several processes may use one folder. Each locks the version that it makes. The kernel frees
    the lock if the process dies."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._versions = root / VERSIONS
        self._making = threading.Lock()

    def folder(self) -> Path:
        """The folder, which is made if need be. Raises ``StorageUnavailable``."""
        with disk_errors(self._root):
            self._root.mkdir(parents=True, exist_ok=True)
        return self._root

    def names(self) -> list[str]:
        """The names of all data sets, sorted."""
        return sorted(self._links())

    def find(self, name: str) -> UploadedDataset | None:
        """The data set, or None if there is none or its record can't be read."""
        with suppress(OSError, ValueError):
            stored = json.loads((self._root / name / ABOUT).read_text("utf-8"))
            return from_stored(UploadedDataset, stored)
        return None

    def configs(self) -> dict[str, Mapping[str, Any]]:
        """The fields of each data set, by its name."""
        found = {name: self.find(name) for name in self.names()}
        return {name: own.config for name, own in found.items() if own is not None}

    def check_name(self, name: str, replace: bool) -> None:
        """Raises ``Conflict`` if the name is taken and may not be replaced."""
        if not replace and os.path.lexists(self._root / name):
            raise Conflict(
                f"There is a data set {name} already: choose another name, or put this one in its "
                "place with ?replace=true"
            )

    def check_there(self, name: str) -> None:
        """Raises ``DatasetNotFound``."""
        if name not in self._links():
            raise DatasetNotFound(
                f"No data set {name} was uploaded; GET /api/datasets lists those that were"
            )

    @contextmanager
    def new_version(self, name: str) -> Iterator[str]:
        """Makes a version without files, and yields its name. It is removed at the end, unless it
        has become the data set. Leftovers of others are removed first. Raises
        ``StorageUnavailable``."""
        version = f"{name}-{secrets.token_hex(8)}"
        with ExitStack() as stack:
            stack.callback(self._remove_unused, version)
            with self._making:  # or another one could sweep it away before it is locked
                self.sweep()
                with disk_errors(self._versions):
                    self.files_of(version).mkdir(parents=True)
                stack.enter_context(self.working_on(version))
            yield version

    def files_of(self, version: str) -> Path:
        """The folder of a version's files."""
        return self._versions / version / UPLOADED_FILES

    def files(self, name: str) -> Path:
        """The folder of the files of a data set, or of a version by its ``name_of``."""
        return self._root / name / UPLOADED_FILES

    def name_of(self, version: str) -> str:
        """The name by which ``Folders`` finds a version before it is a data set."""
        return f"{VERSIONS}/{version}"

    @contextmanager
    def working_on(self, version: str) -> Iterator[None]:
        """Locks the version, so that nobody removes it. Raises ``StorageUnavailable`` if it is
        gone."""
        with disk_errors(self._versions / version):
            handle = os.open(self._versions / version, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH)
            yield
        finally:
            os.close(handle)

    def keep(self, name: str, version: str, about: UploadedDataset, replace: bool) -> None:
        """Makes the version the data set ``name``, and removes the one before. Raises ``Conflict``
        if the name is taken and may not be replaced, and ``StorageUnavailable``."""
        before = self._links().get(name)
        with disk_errors(self._root / name):
            self._write_about(version, about)
            if replace:
                link = self._versions / version / LINK
                os.symlink(self.name_of(version), link)
                os.replace(link, self._root / name)
            else:
                try:
                    os.symlink(self.name_of(version), self._root / name)
                except FileExistsError:
                    self.check_name(name, replace)
                    raise
        if before is not None:
            self._remove_unused(before)

    def delete(self, name: str) -> None:
        """Raises ``DatasetNotFound``, ``StorageUnavailable``."""
        self.check_there(name)
        version = self._links()[name]
        with disk_errors(self._root / name):
            (self._root / name).unlink()
        self._remove_unused(version)

    def sweep(self) -> None:
        """Removes every version that is no data set's and that nobody works on, such as those of
        uploads that were killed."""
        with suppress(OSError):
            for version in os.listdir(self._versions):
                self._remove_unused(version)

    def _links(self) -> dict[str, str]:
        """The version of each data set, by its name."""
        found = {}
        with suppress(OSError), os.scandir(self._root) as entries:
            for entry in entries:
                if entry.is_symlink():
                    found[entry.name] = os.path.basename(os.readlink(entry.path))
        return found

    def _write_about(self, version: str, about: UploadedDataset) -> None:
        with (self._versions / version / ABOUT).open("w", encoding="utf-8") as file:
            json.dump(to_stored(about), file)
            file.flush()
            os.fsync(file.fileno())

    def _remove_unused(self, version: str) -> None:
        """Removes the version unless somebody works on it or needs it. What can't be removed stays
        for the next sweep."""
        folder = self._versions / version
        with suppress(OSError):
            handle = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if version not in self._links().values():
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(handle)
