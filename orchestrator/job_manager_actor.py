"""The Ray actor around the JobManager, light enough for the gateway to import.

Importing the JobManager brings PyTorch, which takes seconds and memory; here that happens in the
actor's own process only.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import ray

from actors.background import Rounds
from orchestrator.errors import StorageUnavailable
from orchestrator.manager.manager_config import ManagerConfig

ACTOR_NAME = "job_manager"
OPEN_AGAIN_S = 2.0
MAX_CONCURRENCY = 64
CONCURRENCY_GROUPS = {"pings": 1, "copies": 8, "quick": 32}
"""Threads for what must not queue behind the ``MAX_CONCURRENCY`` other calls, which may take
minutes: signs of life, snapshots that a stage waits to see kept, and quick methods."""

logger = logging.getLogger(__name__)


class JobManagerActor:
    """Hosts the one JobManager of a cluster.

    If the storage can't be used, it waits, because nobody else can take the jobs up later. Until
    then every call raises the reason.
    """

    def __init__(self, config: ManagerConfig) -> None:
        self._config = config
        self._manager: Any = None
        self._error: StorageUnavailable | None = None
        if self._open():
            threading.Thread(target=self._warm_up, name="warm-up", daemon=True).start()
        else:
            threading.Thread(target=self._keep_opening, name="open-storage", daemon=True).start()

    @ray.method(concurrency_group="pings")
    def ping(self) -> None:
        """Answers whenever this process is alive, however busy it is."""

    @ray.method(concurrency_group="copies")
    def keep_copy(self, group: str, snapshot: Any) -> None:
        """Keeps a snapshot of a stage that trains alone."""
        self.call("keep_copy", {"group": group, "sent": snapshot})

    def call(
        self, method: str, arguments: dict[str, Any] | None = None, key: str | None = None
    ) -> Any:
        """Calls one public method of the JobManager; raises ``StorageUnavailable`` if there is none
        yet.

        ``key`` is the key of a request: the method runs once for it.
        """
        assert not method.startswith("_")
        if self._manager is None:
            assert self._error is not None
            raise self._error
        if key is not None:
            return self._manager.do_request(key, method, arguments or {})
        return getattr(self._manager, method)(**(arguments or {}))

    def _open(self) -> bool:
        from orchestrator.job_manager import JobManager

        try:
            self._manager = JobManager(self._config)
        except StorageUnavailable as error:
            if self._error is None or self._error.message != error.message:
                logger.warning("%s", error.message)
            self._error = error
        return self._manager is not None

    @staticmethod
    def _warm_up() -> None:
        """PyTorch imports more at the first look at a model. This takes those seconds before a user
        has to wait for them."""
        from actors.core.model.facts import model_facts
        from actors.core.model.model_spec import mlp

        model_facts(mlp((2, 2)))

    def _keep_opening(self) -> None:
        rounds = Rounds("The opening of the storage")
        while self._manager is None:
            time.sleep(OPEN_AGAIN_S)
            with rounds.round():
                self._open()
            if rounds.trouble is not None:
                self._error = StorageUnavailable(
                    f"The JobManager can't be started ({rounds.trouble}), and tries it again every "
                    f"{OPEN_AGAIN_S:.0f} s; its log has the details"
                )
