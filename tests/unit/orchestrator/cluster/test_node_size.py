from __future__ import annotations

import os
import subprocess
import sys

import pytest

from actors.host.host_limits import Memory
from orchestrator.cluster.node_size import (
    MAX_ON_DISK_BYTES,
    MIN_STORE_BYTES,
    NodeSize,
    has_dashboard,
    node_size,
    plan_node_size,
)

GIB, MIB = 2**30, 2**20
PLENTY = Memory(8 * GIB, 8 * GIB)


def store_of(memory: Memory, shared_bytes: int | None, num_nodes: int = 1) -> int:
    return plan_node_size(memory, 4, shared_bytes, num_nodes).object_store_bytes


def test_a_store_takes_ray_s_share_of_the_memory() -> None:
    assert store_of(Memory(GIB, GIB), 8 * GIB) == int(0.3 * GIB)


def test_a_store_leaves_half_of_what_is_available() -> None:
    assert store_of(Memory(8 * GIB, GIB), 8 * GIB) == GIB // 2


def test_a_store_fits_the_shared_memory() -> None:
    assert store_of(PLENTY, 200 * MIB) == 190 * MIB


@pytest.mark.parametrize("shared_bytes", [None, 64 * MIB])
def test_a_store_that_lies_on_the_disk_is_bounded(shared_bytes: int | None) -> None:
    assert store_of(PLENTY, shared_bytes) == MAX_ON_DISK_BYTES


def test_a_store_is_never_smaller_than_ray_takes() -> None:
    assert store_of(Memory(128 * MIB, 64 * MIB), 8 * GIB) == MIN_STORE_BYTES


def test_nodes_of_one_host_share_it() -> None:
    shared = plan_node_size(Memory(8 * GIB, 8 * GIB), 4, 8 * GIB, 4)
    assert shared == NodeSize(1, int(0.3 * 2 * GIB))
    assert plan_node_size(PLENTY, 2, None, 4).num_cpus == 1


def test_what_is_not_known_bounds_nothing() -> None:
    assert store_of(Memory(None, None), 8 * GIB) == int(0.95 * 8 * GIB)


def test_a_node_gets_no_core_that_its_process_may_not_run_on() -> None:
    script = "from orchestrator.cluster.node_size import node_size; print(*node_size(1).flags)"

    def on_one_core() -> None:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])

    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command, preexec_fn=on_one_core, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split()[0] == "--num-cpus=1", done.stderr
    assert int(done.stdout.split("--object-store-memory=")[1]) >= MIN_STORE_BYTES


def test_this_host_has_a_size() -> None:
    assert node_size(1).num_cpus >= 1


def test_a_small_host_has_no_dashboard_unless_it_is_asked_for() -> None:
    small, large, unknown = Memory(2 * GIB, GIB), Memory(3 * GIB, GIB), Memory(None, None)
    assert [has_dashboard(None, memory) for memory in (small, large, unknown)] == [
        False,
        True,
        True,
    ]
    assert has_dashboard(True, small) and not has_dashboard(False, large)
