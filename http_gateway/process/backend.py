"""The gateway's backend: a Ray cluster, joined or started, and the JobManager in it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from actors.core.addresses import is_loopback, parse_host_port, shown_host
from orchestrator.cluster.cluster_tokens import token_variables
from orchestrator.cluster.local_cluster import LocalCluster, cluster_auth, ensure_local_cluster
from orchestrator.cluster.ray_start import JOINING_VARIABLES
from orchestrator.connection.ray_connection import connect, other_ray_addresses
from orchestrator.connection.ray_words import LOG_NAME
from orchestrator.connection.travelling_code import runtime_env
from orchestrator.doctor.finding import strangers_text
from orchestrator.errors import ClusterUnavailable, InvalidRequest, Unavailable
from orchestrator.settings import Settings, foreign_address

if TYPE_CHECKING:
    from http_gateway.calls.ray_job_client import RayJobClient

JOB_CLIENT = "http_gateway.calls.ray_job_client"
ADDRESSES = ("webhook_url", "mlflow_uri")
"""Settings of which only a part is shown."""


@dataclass(frozen=True)
class Backend:
    """The cluster and JobManager behind the gateway; ``cluster`` is None if it joined the user's
    own."""

    client: RayJobClient
    address: str
    dashboard_url: str | None
    cluster: LocalCluster | None

    def info(self, url: str) -> dict[str, Any]:
        """The content of ``--port-file``."""
        state = self.cluster.state if self.cluster else None
        host = "localhost"
        return {
            "url": url,
            "ray_address": self.address,
            "dashboard_url": self.dashboard_url,
            "devices": [{"ip": host, "port": port} for port in state.device_ports] if state else [],
            "pids": [record.pid for record in state.processes] if state else [],
        }


@contextmanager
def naming_variable(settings: Settings) -> Iterator[None]:
    """Adds the variable's name to an error about an address that another tool's variable gave."""
    try:
        yield
    except (ClusterUnavailable, InvalidRequest) as error:
        if (name := foreign_address(settings)) is None:
            raise
        raise type(error)(
            f"{error.message}. The address is that of the variable {name}, which other tools of "
            f"Ray's use, too: unset it (env -u {name} …), or name the cluster by --ray-address or "
            f"TANDEM_{name}"
        ) from error


def start_backend(settings: Settings) -> Backend:
    """Makes this process a driver of the cluster that the settings name; raises ``TandemError``.

    However this is left, an embedded cluster that it has started is the caller's to end.
    """
    with naming_variable(settings):
        return _start_backend(settings)


def _start_backend(settings: Settings) -> Backend:
    cluster = None
    address = settings.ray_address
    if address is None:
        # Ray reads its environment when it is imported: this comes first.
        os.environ.update(cluster_auth(settings.storage_path))
        os.environ.pop("RAY_AUTH_TOKEN", None)  # another cluster's, and it would come first
        with imported_meanwhile(JOB_CLIENT):  # it imports Ray, which takes a second
            cluster = ensure_local_cluster(settings)
        address = cluster.state.address
        _say_other_clusters(address)
    else:
        os.environ.update(JOINING_VARIABLES)
        os.environ.update(token_variables(settings.storage_path, address, os.environ))
    # Embedded nodes run in this very environment, the user's need not have Tandem at all.
    code = None if cluster else runtime_env()
    dashboard_url = connect(address, runtime_env=code, log=settings.storage_path / LOG_NAME)
    from http_gateway.calls.ray_job_client import RayJobClient

    client = RayJobClient.start(settings, dashboard_url)
    _say_other_settings(client)
    _say_strangers(client)
    for note in client.notes():
        print(f"Note: {note}.", flush=True)
    return Backend(client, address, dashboard_url, cluster)


@contextmanager
def imported_meanwhile(module: str) -> Iterator[None]:
    """Imports ``module`` in a thread, which has ended when this is left.

    Ray's modules import each other in a circle. Two threads that import two of them at the same
    time may each be given one that is half made.
    """

    def load() -> None:
        with suppress(Exception):  # who needs it gets the error
            import_module(module)

    thread = threading.Thread(target=load, name=f"import {module}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _say_other_clusters(own: str) -> None:
    joinable = [a for a in other_ray_addresses(own) if not is_loopback(parse_host_port(a).host)]
    for other in joinable:
        print(
            f"Note: a Ray node of another cluster runs on this host. To train on that cluster "
            f"instead, end this gateway and run: tandem serve --ray-address {other}",
            flush=True,
        )


def _say_other_settings(client: RayJobClient) -> None:
    for name, value in client.settings_not_in_force().items():
        shown = shown_host(value) if name in ADDRESSES and value is not None else value
        print(
            f"Note: the JobManager that runs already has {name} {shown!r}, which stays in force "
            "until `tandem stop` ends it.",
            flush=True,
        )


def _say_strangers(client: RayJobClient) -> None:
    with suppress(Unavailable):  # a request for a checkpoint gets the error
        if strangers := client.list_strangers():
            print(f"Note: {strangers_text(strangers)}. They are left alone.", flush=True)
