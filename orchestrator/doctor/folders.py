"""Checks whether Tandem can write to its folders on the gateway's host."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from actors.core.errors import error_text
from orchestrator.doctor.facts import FolderFacts
from orchestrator.files.file_systems import network_mount
from orchestrator.settings import lacks_home


def check_folder(setting: str, path: Path) -> FolderFacts:
    """Writes an unnamed file there or, if the folder does not exist yet, in the one above."""
    if lacks_home(path):
        return FolderFacts(setting, str(path), error="this user has no home folder")
    mount = network_mount(path)
    network = None if mount is None else str(mount)
    try:
        there = next(folder for folder in (path, *path.parents) if folder.exists())
        with tempfile.TemporaryFile(dir=there):
            return FolderFacts(setting, str(path), shutil.disk_usage(there).free, network=network)
    except OSError as error:
        return FolderFacts(setting, str(path), None, error.strerror or error_text(error), network)
