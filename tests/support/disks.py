"""Small separate disks for tests: filled up, made read-only, and repaired. They need root."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.jobs import wait_until


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of ``size`` ("64k", "2m") in memory; skips the test where none may be."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    folder.mkdir(exist_ok=True)
    done = run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder), check=False)
    if done.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        run("umount", "--lazy", str(folder))


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """During the block, no byte is free on the disk."""
    ballast = disk / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file:
            for size in (1 << 16, 1 << 12, 1):
                while _takes(file.fileno(), size):
                    pass
        yield
    finally:
        ballast.unlink(missing_ok=True)


def _takes(descriptor: int, size: int) -> bool:
    try:
        return os.write(descriptor, b"\0" * size) == size
    except OSError:
        return False


@contextmanager
def read_only(disk: Path) -> Iterator[None]:
    """During the block, the disk refuses writes."""
    wait_until(lambda: _remounted(disk, "ro"), 10, "no moment without an open file")
    try:
        yield
    finally:
        assert _remounted(disk, "rw")


def _remounted(disk: Path, how: str) -> bool:
    return run("mount", "-o", f"remount,{how}", str(disk), check=False).returncode == 0


@dataclass(frozen=True)
class FailingDisk:
    """An ext4 file system in a file, which can be made to fail as after an I/O error."""

    image: Path
    folder: Path

    @classmethod
    def make(cls, folder: Path, size: str) -> FailingDisk:
        """Mounted at ``folder / "disk"``; skips the test where none may be."""
        disk = cls(folder / "image", folder / "disk")
        disk.folder.mkdir()
        if os.geteuid() != 0 or not shutil.which("mkfs.ext4"):
            pytest.skip("a disk that fails needs root and mkfs.ext4")
        run("truncate", "-s", size, str(disk.image))
        run("mkfs.ext4", "-q", "-F", str(disk.image))
        done = run("mount", "-o", "loop", str(disk.image), str(disk.folder), check=False)
        if done.returncode != 0:
            pytest.skip(f"no disk in a file can be mounted here: {done.stderr.strip()}")
        return disk

    def fail(self) -> None:
        """It is read-only from now on, and can't be made writable while it is mounted."""
        run("mount", "-o", "remount,abort", str(self.folder))

    def mend(self) -> None:
        """Unmounted, checked, mounted again."""
        wait_until(self._unmounted, 20, "it was not left")
        assert run("e2fsck", "-p", str(self.image), check=False).returncode in (0, 1)
        run("mount", "-o", "loop", str(self.image), str(self.folder))

    def remove(self) -> None:
        """Whoever has a file open there."""
        run("umount", "--lazy", str(self.folder))

    def _unmounted(self) -> bool:
        return run("umount", str(self.folder), check=False).returncode == 0


def run(*command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """A command, to its end."""
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=check)
