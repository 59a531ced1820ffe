"""The folder of uploaded data sets.

``<name>`` is a link to ``.versions/<name>-<random>``, which has the files and what is known of
them. So a data set is there as a whole or not at all, and a new version takes the place of the old
one in one step, for whoever looks at any moment, and after a kill as well. The list of data sets is
this folder itself: it can't differ from what is there, and needs no database.
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
    """Where they lie."""
    return storage_path / "uploads"


@dataclass(frozen=True)
class UploadedDataset:
    """``config`` has the fields of a ``dataset_config`` by which its files are read; ``understood``
    is what was found in them."""

    config: dict[str, Any]
    num_files: int
    num_bytes: int
    understood: dict[str, Any]


class UploadStore:
    """Several processes may use one folder: a version that is being made is locked by who makes it,
    until that ends or dies."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._versions = root / VERSIONS
        self._making = threading.Lock()

    def folder(self) -> Path:
        """Made if need be; raises ``StorageUnavailable``."""
        with disk_errors(self._root):
            self._root.mkdir(parents=True, exist_ok=True)
        return self._root

    def names(self) -> list[str]:
        """In their order."""
        return sorted(self._links())

    def find(self, name: str) -> UploadedDataset | None:
        """None where there is none, or what is known of it can't be read."""
        with suppress(OSError, ValueError):
            stored = json.loads((self._root / name / ABOUT).read_text("utf-8"))
            return from_stored(UploadedDataset, stored)
        return None

    def configs(self) -> dict[str, Mapping[str, Any]]:
        """The fields of each, by its name."""
        found = {name: self.find(name) for name in self.names()}
        return {name: own.config for name, own in found.items() if own is not None}

    def check_name(self, name: str, replace: bool) -> None:
        """Raises ``Conflict`` where the name is taken, unless that is to be replaced."""
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
        """The name of one with no files yet. At the end it goes, unless the data set is it by then.
        What others have left of theirs goes now. Raises ``StorageUnavailable``."""
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
        """The folder of its files."""
        return self._versions / version / UPLOADED_FILES

    def name_of(self, version: str) -> str:
        """Under which ``Folders`` finds one that no data set is yet."""
        return f"{VERSIONS}/{version}"

    @contextmanager
    def working_on(self, version: str) -> Iterator[None]:
        """Meanwhile nobody removes it. Raises ``StorageUnavailable`` if somebody did."""
        with disk_errors(self._versions / version):
            handle = os.open(self._versions / version, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH)
            yield
        finally:
            os.close(handle)

    def keep(self, name: str, version: str, about: UploadedDataset, replace: bool) -> None:
        """From now on the data set ``name`` is this version; the one before goes. Raises
        ``Conflict`` where the name is taken, unless ``replace``, ``StorageUnavailable``."""
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
        """Removes what is of no data set, and nobody works on: of uploads that a kill has cut
        off."""
        with suppress(OSError):
            for version in os.listdir(self._versions):
                self._remove_unused(version)

    def _links(self) -> dict[str, str]:
        """Name -> version."""
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
        """Unless somebody works on it; what can't be removed stays for the next sweep."""
        folder = self._versions / version
        with suppress(OSError):
            handle = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if version not in self._links().values():
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(handle)
