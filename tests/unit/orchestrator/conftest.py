from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.job_manager_world import JobManagerWorld


@pytest.fixture
def world() -> Iterator[JobManagerWorld]:
    """A JobManager, three nodes, and a storage."""
    world = JobManagerWorld(3)
    yield world
    world.close()
