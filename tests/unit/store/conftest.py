from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.store.job_store import JobStore
from tests.support import disks
from tests.support.stores import OWNER


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    store = JobStore.open(tmp_path, OWNER)
    yield store
    store.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes of its own."""
    with disks.small_disk(tmp_path / "disk", "2m") as folder:
        yield folder


@pytest.fixture
def read_only_folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Root may write whatever the modes of files say, but not to a read-only file system."""
    if os.geteuid() != 0:
        folder = tmp_path / "read-only"
        folder.mkdir(mode=0o555)
        return folder
    disk: Path = request.getfixturevalue("small_disk")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    return disk
