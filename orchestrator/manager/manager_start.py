"""Starts the cluster's one JobManager, or finds it, and calls it."""

from __future__ import annotations

from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from actors.core.errors import Unavailable
from actors.core.version import __version__
from orchestrator.connection.ray_connection import NAMESPACE
from orchestrator.errors import END_JOB_MANAGER, StorageUnavailable, VersionMismatch
from orchestrator.job_manager_actor import (
    ACTOR_NAME,
    CONCURRENCY_GROUPS,
    MAX_CONCURRENCY,
    JobManagerActor,
)
from orchestrator.manager.manager_config import ManagerConfig
from orchestrator.manager.manager_end import RayletLog

START_TIMEOUT_S = 60.0
LOOK_S = 1.0
OUT_OF_MEMORY_S = 10.0
"""It may be over by then, or Ray ends the JobManager again and again."""

_remote: Any = ray.remote


def submit(
    manager: Any,
    method: str,
    arguments: dict[str, Any] | None = None,
    *,
    key: str | None = None,
    is_quick: bool = False,
) -> Any:
    """A reference to what the JobManager's method will return; one that ``is_quick`` does not
    queue behind those that take minutes."""
    # A JobManager of another version may not know keys, but must still report its version.
    keywords: dict[str, Any] = {} if key is None else {"key": key}
    if arguments:
        keywords["arguments"] = arguments
    options = {"name": f"JobManager.{method}"}
    if is_quick:
        options["concurrency_group"] = "quick"
    return manager.call.options(**options).remote(method, **keywords)


def find_or_create(config: ManagerConfig) -> Any:
    """The cluster's one JobManager, pinned to the gateway's node."""
    node_id = ray.get_runtime_context().get_node_id()
    manager: Any = (
        _remote(concurrency_groups=CONCURRENCY_GROUPS)(JobManagerActor)
        .options(
            name=ACTOR_NAME,
            namespace=NAMESPACE,
            lifetime="detached",
            get_if_exists=True,
            num_cpus=0,
            max_restarts=-1,
            max_concurrency=MAX_CONCURRENCY,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node_id, soft=False),
        )
        .remote(config)
    )
    return manager


def _described(manager: Any, log: RayletLog) -> Any:
    """Raises ``Unavailable`` where the JobManager has no memory: Ray starts it again and again, and
    the call waits for that."""
    reference, waited_s = submit(manager, "describe"), 0.0
    while True:
        try:
            return ray.get(reference, timeout=LOOK_S)
        except ray.exceptions.GetTimeoutError:
            waited_s += LOOK_S
            is_late = waited_s >= OUT_OF_MEMORY_S
            if (why := log.why_silent() if is_late else log.why_ended()) is not None:
                raise Unavailable(why) from None
            if waited_s >= START_TIMEOUT_S:
                raise


def check_version(manager: Any, log: RayletLog) -> None:
    """Once it answers; raises ``StorageUnavailable`` while it waits for its storage."""
    try:
        version = _described(manager, log)["version"]
    except ray.exceptions.GetTimeoutError as error:
        raise Unavailable(
            f"The JobManager did not start within {START_TIMEOUT_S:.0f} s; see the Ray dashboard"
        ) from error
    except ray.exceptions.ActorUnavailableError as error:
        why = log.why_ended() or f"The JobManager could not start: {error}"
        raise Unavailable(why) from error
    except ray.exceptions.RayError as error:
        if isinstance(cause := getattr(error, "cause", None), StorageUnavailable):
            raise cause from error
        raise Unavailable(f"The JobManager could not start: {error}") from error
    if version != __version__:
        raise VersionMismatch(
            f"This cluster runs a JobManager of Tandem {version}, but this gateway is "
            f"{__version__}: start the gateway of version {version}, or end that JobManager with "
            f"{END_JOB_MANAGER}"
        )
