"""``tandem stop``: ends the JobManager, and the embedded cluster if that is where it runs."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from http_gateway.process.backend import naming_variable
from http_gateway.process.interrupts import held
from http_gateway.process.saving import save_jobs
from orchestrator.cluster.cluster_tokens import token_variables
from orchestrator.cluster.local_cluster import cluster_auth, running_address, stop_local_cluster
from orchestrator.cluster.ray_start import JOINING_VARIABLES
from orchestrator.connection.ray_connection import NAMESPACE, connect
from orchestrator.connection.ray_words import LOG_NAME
from orchestrator.errors import ClusterUnavailable
from orchestrator.files.storage_folder import check_homes, storage_errors
from orchestrator.settings import Settings
from orchestrator.store.storage_lock import lock_holder

GOES_ON = "Jobs that were training go on when a gateway is started on the same storage path."
POLL_S = 0.1
GATEWAY_END_S = 180.0  # it saves what trains first

Say = Callable[[str], None]


@held()
def stop_everything(settings: Settings, say: Say) -> str:
    """Returns a sentence about what was ended; raises ``ClusterUnavailable`` for an address without
    Ray, and if something can't be ended."""
    check_homes(settings)
    with storage_errors(settings.storage_path), naming_variable(settings):
        return _stop(settings, say)


def _stop(settings: Settings, say: Say) -> str:
    if settings.ray_address is None:
        return _stop_embedded(settings.storage_path, say)
    address = settings.ray_address
    os.environ.update(JOINING_VARIABLES)
    os.environ.update(token_variables(settings.storage_path, address, os.environ))
    if not _end_job_manager(address, settings.storage_path, say):
        return f"No JobManager runs in the cluster at {address}."
    return f"Ended the JobManager at {address}; Ray itself runs on. {GOES_ON}"


def _stop_embedded(storage: Path, say: Say) -> str:
    gateway = lock_holder(storage, "gateway")
    if gateway is not None:
        _end_gateway(gateway, say)
    elif (address := running_address(storage)) is not None:
        os.environ.update(cluster_auth(storage))
        os.environ.pop("RAY_AUTH_TOKEN", None)
        try:
            _end_job_manager(address, storage, say)
        except ClusterUnavailable as error:
            say(f"The newest state of jobs that train can't be saved: {error.message}")
    if not stop_local_cluster(storage) and gateway is None:
        return f"No embedded cluster runs on {storage}."
    return f"Ended the embedded cluster of {storage}. {GOES_ON}"


def _end_gateway(gateway: psutil.Process, say: Say) -> None:
    """It would start the cluster again; asked to end, it takes everything along."""
    say(f"The gateway, process {gateway.pid}, is being asked to end with its cluster …")
    try:
        gateway.send_signal(signal.SIGTERM)
        _wait_for_end(gateway)
    except psutil.NoSuchProcess:
        return
    except psutil.Error as error:
        raise ClusterUnavailable(
            f"The gateway, process {gateway.pid}, does not end ({error}): end it as the user that "
            f"started it, with kill -9 {gateway.pid}, and try again"
        ) from error


def _wait_for_end(gateway: psutil.Process) -> None:
    """Until nobody but its parent, perhaps, remembers it."""
    deadline = time.monotonic() + GATEWAY_END_S
    while gateway.is_running() and gateway.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            raise psutil.TimeoutExpired(GATEWAY_END_S, gateway.pid)
        time.sleep(POLL_S)


def _end_job_manager(address: str, storage: Path, say: Say) -> bool:
    """False if there is none."""
    connect(address, log=storage / LOG_NAME)
    import ray

    from http_gateway.calls.manager_connection import save_for_end
    from orchestrator.job_manager_actor import ACTOR_NAME

    def ask() -> list[dict[str, Any]]:
        return save_for_end(manager)

    try:
        manager = ray.get_actor(ACTOR_NAME, namespace=NAMESPACE)
        save_jobs(ask, say)
        ray.kill(manager, no_restart=True)
    except ValueError:
        return False
    finally:
        ray.shutdown()
    return True
