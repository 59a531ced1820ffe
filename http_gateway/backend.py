"""What a gateway serves: a Ray cluster, joined or started, and the JobManager in it."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actors.core.errors import Unavailable
from orchestrator.cluster_tokens import token_variables
from orchestrator.doctor.finding import strangers_text
from orchestrator.local_cluster import LocalCluster, cluster_auth, ensure_local_cluster
from orchestrator.ray_connection import connect, other_ray_addresses
from orchestrator.ray_start import JOINING_VARIABLES
from orchestrator.ray_words import LOG_NAME
from orchestrator.settings import Settings
from orchestrator.travelling_code import runtime_env

if TYPE_CHECKING:
    from http_gateway.ray_job_client import RayJobClient


@dataclass(frozen=True)
class Backend:
    """What the gateway talks to; ``cluster`` is None when it joined one of the user's."""

    client: RayJobClient
    address: str
    dashboard_url: str | None
    cluster: LocalCluster | None

    def info(self, url: str) -> dict[str, Any]:
        """What ``--port-file`` holds."""
        state = self.cluster.state if self.cluster else None
        host = "localhost"
        return {
            "url": url,
            "ray_address": self.address,
            "dashboard_url": self.dashboard_url,
            "devices": [{"ip": host, "port": port} for port in state.device_ports] if state else [],
            "pids": [record.pid for record in state.processes] if state else [],
        }


def start_backend(settings: Settings) -> Backend:
    """Makes this process a driver of the cluster that the settings name; raises ``TandemError``.

    However this is left, an embedded cluster that it has started is the caller's to end.
    """
    cluster = None
    address = settings.ray_address
    if address is None:
        # Ray reads its environment when it is imported: this comes first.
        os.environ.update(cluster_auth_of(settings))
        os.environ.pop("RAY_AUTH_TOKEN", None)  # another cluster's, and it would come first
        cluster = ensure_local_cluster(settings)
        address = cluster.state.address
        _say_other_clusters(address)
    else:
        os.environ.update(JOINING_VARIABLES)
        os.environ.update(token_variables(settings.storage_path, address, os.environ))
    # Embedded nodes run in this very environment, the user's need not have Tandem at all.
    code = None if cluster else runtime_env()
    dashboard_url = connect(address, runtime_env=code, log=settings.storage_path / LOG_NAME)
    from http_gateway.ray_job_client import RayJobClient

    client = RayJobClient.start(settings, dashboard_url)
    _say_other_settings(client)
    _say_strangers(client)
    return Backend(client, address, dashboard_url, cluster)


def cluster_auth_of(settings: Settings) -> dict[str, str]:
    """The embedded cluster's variables; makes the storage folder if need be."""
    try:
        settings.storage_path.mkdir(parents=True, exist_ok=True)
        return cluster_auth(settings.storage_path)
    except OSError as error:
        raise Unavailable(
            f"The storage path {settings.storage_path} can't be written ({error.strerror}): choose "
            "another with --storage-path or TANDEM_STORAGE_PATH"
        ) from error


def _say_other_clusters(own: str) -> None:
    for other in other_ray_addresses(own):
        print(
            f"Note: a Ray node of another cluster runs on this host. To train on that cluster "
            f"instead, end this gateway and run: tandem serve --ray-address {other}",
            flush=True,
        )


def _say_other_settings(client: RayJobClient) -> None:
    for name, value in client.settings_not_in_force().items():
        print(
            f"Note: the JobManager that runs already has {name} {value!r}, which stays in force "
            "until `tandem stop` ends it.",
            flush=True,
        )


def _say_strangers(client: RayJobClient) -> None:
    with suppress(Unavailable):  # whoever asks for a checkpoint is told
        if strangers := client.list_strangers():
            print(f"Note: {strangers_text(strangers)}. They are left alone.", flush=True)
