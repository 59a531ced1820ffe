"""Writes uploaded files, and says what helps if the disk can't take them."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from actors.core.errors import error_text
from actors.core.units import size_text
from orchestrator.errors import StorageUnavailable
from orchestrator.uploads.entries import refused_entry

COPY_BYTES = 2**20
FULL = (errno.ENOSPC, errno.EDQUOT)
RESERVE_BYTES = 256 * 2**20
"""Uploads leave so much of the disk free for what jobs write there."""


def write_file(target: Path, source: IO[bytes], num_bytes: int, name: str) -> None:
    """Writes ``num_bytes`` of ``source``, the entry ``name``, to a new file. Raises
    ``InvalidRequest`` if there are fewer bytes, and ``StorageUnavailable``."""
    left = num_bytes
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        file = target.open("xb", buffering=0)  # or closing it could fail, too
    with file:
        while left:
            data = source.read(min(COPY_BYTES, left))
            if not data:
                raise refused_entry(
                    name,
                    f"ends {left:,} bytes too early",
                    "look whether the upload is whole, and send it again",
                )
            left -= len(data)
            rest = memoryview(data)
            check_room(target.parent, len(data))
            with disk_errors(target):
                while rest:
                    rest = rest[file.write(rest) :]


def free_bytes(folder: Path) -> int:
    """The free bytes on its disk. Raises ``OSError``."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def check_room(folder: Path, num_bytes: int) -> None:
    """Raises ``StorageUnavailable`` if so many more bytes don't fit."""
    with disk_errors(folder):
        free = free_bytes(folder)
    if free - num_bytes < RESERVE_BYTES:
        raise StorageUnavailable(
            f"The disk of {folder} has {size_text(free)} free, but an upload leaves "
            f"{size_text(RESERVE_BYTES)} of it free: delete something there, and upload it again"
        )


def make_folder(target: Path) -> None:
    """Raises ``StorageUnavailable``."""
    with disk_errors(target):
        target.mkdir(parents=True, exist_ok=True)


@contextmanager
def disk_errors(place: Path) -> Iterator[None]:
    """Turns an ``OSError`` within the block into ``StorageUnavailable``."""
    try:
        yield
    except OSError as error:
        remedy = (
            "free some space there"
            if error.errno in FULL
            else "look whether its disk is well, and whether the user who runs Tandem may write"
        )
        raise StorageUnavailable(
            f"{place} can't be written ({error.strerror or error_text(error)}): {remedy}, and "
            "upload it again"
        ) from error
