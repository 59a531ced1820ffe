"""A control group of the kernel's with little memory. It needs root."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.jobs import wait_until

PLACES = {
    Path("/sys/fs/cgroup/memory"): "memory.limit_in_bytes",
    Path("/sys/fs/cgroup"): "memory.max",
}
"""Of cgroup v1 and v2, with the file of a group's limit."""


@contextmanager
def no_more_memory(pid: int) -> Iterator[None]:
    """The kernel ends this process as soon as it needs one more page of memory. Skips the test
    where no such group can be made."""
    group, limit = _group()
    try:
        (group / "cgroup.procs").write_text(str(pid))
        (group / limit).write_text("0")
        yield
    finally:
        wait_until(lambda: _is_gone(group), 10, f"{group} can't be removed")


def _group() -> tuple[Path, str]:
    if os.geteuid() != 0:
        pytest.skip("a control group needs root")
    for place, limit in PLACES.items():
        group = place / f"tandem-test-{uuid.uuid4().hex[:8]}"
        try:
            group.mkdir()
        except OSError:
            continue
        if (group / limit).exists():
            return group, limit
        group.rmdir()
    pytest.skip("no control group for memory can be made here")


def _is_gone(group: Path) -> bool:
    """A group is busy until its last process is."""
    try:
        group.rmdir()
    except OSError:
        return not group.exists()
    return True
