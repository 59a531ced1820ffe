"""One checkup of a cluster at a time."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import ray

from orchestrator.doctor.checkup import examine_host
from orchestrator.doctor.examiners import examine_cluster
from orchestrator.doctor.facts import ClusterFacts, FolderFacts, HostFacts, parse_checked_nodes
from orchestrator.doctor.findings import report
from orchestrator.errors import Conflict


class Doctor:
    """Examines the cluster from the JobManager's node."""

    def __init__(self, node_id: str, address: str) -> None:
        self._node_id = node_id
        self._address = address
        self._examining = threading.Lock()

    def check(
        self,
        folders: Sequence[FolderFacts],
        training_jobs: Sequence[str],
        strangers: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Returns the report, within half a minute. ``training_jobs`` train at the same time;
        ``strangers`` are folders with checkpoints of no job.

        Raises ``Conflict`` during another checkup, because the two would measure each other.
        """
        if not self._examining.acquire(blocking=False):
            raise Conflict("Another checkup of this cluster is running: try again in 30 s")
        try:
            return report(self._look(folders, training_jobs, strangers))
        finally:
            self._examining.release()

    def _look(
        self, folders: Sequence[FolderFacts], training_jobs: Sequence[str], strangers: Sequence[str]
    ) -> ClusterFacts:
        nodes = parse_checked_nodes(ray.nodes())
        own = next(node for node in nodes if node.node.node_id == self._node_id)
        host = HostFacts(**examine_host(own.temp_dir))
        seen = examine_cluster(nodes, own.name)
        return ClusterFacts(
            own=own.name,
            gateway_ip=own.node.ip,
            address=self._address,
            host=host,
            nodes=seen.nodes,
            links=seen.links,
            folders=folders,
            training_jobs=training_jobs,
            strangers=strangers,
        )
