"""The Ray actor around the JobManager, light enough for the gateway to import.

Importing the JobManager brings PyTorch, which takes seconds and memory; here that happens in the
actor's own process only.
"""

from __future__ import annotations

from typing import Any

from orchestrator.manager_config import ManagerConfig

ACTOR_NAME = "job_manager"


class JobManagerActor:
    """Hosts the one JobManager of a cluster."""

    def __init__(self, config: ManagerConfig) -> None:
        from orchestrator.job_manager import JobManager

        self._manager = JobManager(config)

    def keep_copy(self, group: str, snapshot: Any) -> None:
        """Keeps a snapshot of a stage that trains alone."""
        self._manager.keep_copy(group, snapshot)

    def call(self, method: str, *arguments: Any) -> Any:
        """One public method of the JobManager."""
        assert not method.startswith("_")
        return getattr(self._manager, method)(*arguments)
