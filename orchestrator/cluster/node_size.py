"""Decides how much of its host a Ray node gets: cores, and memory for its object store."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from actors.host.host_limits import Memory, usable_cores, usable_memory
from orchestrator.cluster.ray_start import LITTLE_STORE_BYTES

SHARED_MEMORY = Path("/dev/shm")
STORE_SHARE = 0.3
"""Share of the host's memory; Ray's own default is the same."""
AVAILABLE_SHARE = 0.5
"""Share of the available memory: Ray refuses to start if the store would take nearly all of it."""
SHARED_SHARE = 0.95
"""Share of the free part of /dev/shm: Ray puts a store that does not fit there on the disk."""
MIN_STORE_BYTES = 75 * 2**20
"""Ray refuses smaller ones."""
DASHBOARD_HOST_BYTES = 3 * 10**9
"""Ray's dashboard is ten processes that take 0.7 GB together: a smaller host has better use for
them."""
MAX_ON_DISK_BYTES = 2 * 2**30
"""The most for a store on the disk. No data set here needs more, and on macOS Ray refuses more."""


@dataclass(frozen=True)
class NodeSize:
    """The resources of one node."""

    num_cpus: int
    object_store_bytes: int

    @property
    def flags(self) -> list[str]:
        """Flags for ``ray start``, which does not see ``taskset`` or the limits of a control group
        other than a container's."""
        return [f"--num-cpus={self.num_cpus}", f"--object-store-memory={self.object_store_bytes}"]


def plan_node_size(
    memory: Memory, cores: int, shared_bytes: int | None, num_nodes: int
) -> NodeSize:
    """The size of one of ``num_nodes`` on a host; ``shared_bytes`` is free in /dev/shm, None if
    there is none."""
    shared = 0.0 if shared_bytes is None else SHARED_SHARE * shared_bytes / num_nodes
    wanted = [shared if shared >= LITTLE_STORE_BYTES else float(MAX_ON_DISK_BYTES)]
    if memory.total_bytes is not None:
        wanted.append(STORE_SHARE * memory.total_bytes / num_nodes)
    if memory.available_bytes is not None:
        wanted.append(AVAILABLE_SHARE * memory.available_bytes / num_nodes)
    return NodeSize(max(1, cores // num_nodes), max(MIN_STORE_BYTES, int(min(wanted))))


def node_size(num_nodes: int) -> NodeSize:
    """The size on this host as it is now."""
    return plan_node_size(usable_memory(), usable_cores(), _free_shared_bytes(), num_nodes)


def has_dashboard(asked: bool | None, memory: Memory) -> bool:
    """Whether to start Ray's dashboard: as asked, or where it leaves enough of the host."""
    if asked is not None:
        return asked
    return memory.total_bytes is None or memory.total_bytes >= DASHBOARD_HOST_BYTES


def _free_shared_bytes() -> int | None:
    try:
        found = os.statvfs(SHARED_MEMORY)
    except (AttributeError, OSError):  # no such call, or no such folder, on this system
        return None
    return found.f_bsize * found.f_bavail
