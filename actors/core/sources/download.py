"""Downloads the missing files of a data set. Leaves existing files alone."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from actors.core.errors import DatasetUnavailable, error_text
from actors.core.torchvision_compat import import_torchvision

FOLDER_PREFIX = "tandem-data-"


@dataclass(frozen=True)
class Download:
    """One of torchvision's data sets: its class, and the arguments of each call that downloads a
    part of it."""

    name: str
    calls: Sequence[dict[str, Any]] = field(default=({},))

    def fetch(self, data_dir: Path, files: Sequence[Path], missing: Sequence[Path]) -> None:
        """Downloads everything to a temporary folder, then moves the ``missing`` ones of the
        ``files`` to their places, each whole or not at all. Raises ``DatasetUnavailable``."""
        try:
            with tempfile.TemporaryDirectory(prefix=FOLDER_PREFIX) as folder:
                for arguments in self.calls:
                    torchvision_set = getattr(import_torchvision("torchvision.datasets"), self.name)
                    torchvision_set(root=folder, download=True, **arguments)
                for path in missing:
                    _put(Path(folder) / path.relative_to(data_dir), path)
        except Exception as error:  # of the network, the disk, or what was sent instead
            raise DatasetUnavailable(
                f"{self._what(files, missing)} not in {missing[0].parent} and could not be "
                f"downloaded ({error_text(error)}). Put the {len(files)} files of {self.name} "
                f'there (TANDEM_DATA_DIR names {data_dir}), or use the data set "digits", which '
                "needs no download"
            ) from error

    def _what(self, files: Sequence[Path], missing: Sequence[Path]) -> str:
        if len(missing) == len(files):
            return f"{self.name} is"
        names = ", ".join(path.name for path in missing)
        return f"{self.name}'s {names} {'are' if len(missing) > 1 else 'is'}"


def downloaded_bytes() -> int:
    """The bytes that all downloads under way on this host have fetched so far."""
    folders = Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*")
    return sum(_size(path) for folder in folders for path in folder.rglob("*"))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # it was put in its place meanwhile
        return 0


def _put(source: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_name(place.name + ".partial")
    shutil.copyfile(source, partial)
    os.replace(partial, place)
