"""``tandem stop``: ends the JobManager, and the embedded cluster if that is where it runs."""

from __future__ import annotations

import os

from orchestrator.cluster_tokens import token_variables
from orchestrator.local_cluster import stop_local_cluster
from orchestrator.ray_connection import NAMESPACE, connect
from orchestrator.ray_start import JOINING_VARIABLES
from orchestrator.ray_words import LOG_NAME
from orchestrator.settings import Settings

GOES_ON = "Jobs that were training go on when a gateway is started on the same storage path."


def stop_everything(settings: Settings) -> str:
    """What was ended, as a sentence; raises ``ClusterUnavailable`` for an address without Ray."""
    if settings.ray_address is None:
        if stop_local_cluster(settings.storage_path):
            return f"Ended the embedded cluster of {settings.storage_path}. {GOES_ON}"
        return f"No embedded cluster runs on {settings.storage_path}."
    address = settings.ray_address
    os.environ.update(JOINING_VARIABLES)
    os.environ.update(token_variables(settings.storage_path, address, os.environ))
    connect(address, log=settings.storage_path / LOG_NAME)
    import ray

    from orchestrator.job_manager_actor import ACTOR_NAME

    try:
        manager = ray.get_actor(ACTOR_NAME, namespace=NAMESPACE)
    except ValueError:
        return f"No JobManager runs in the cluster at {settings.ray_address}."
    ray.kill(manager, no_restart=True)
    ray.shutdown()
    return f"Ended the JobManager at {settings.ray_address}; Ray itself runs on. {GOES_ON}"
