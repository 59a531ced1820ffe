"""``tandem serve``: settings -> Ray -> JobManager -> HTTP, and an orderly end."""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import waitress
from waitress.server import BaseWSGIServer

from actors.core.errors import TandemError, Unavailable
from actors.core.version import __version__
from http_gateway.addresses import access_lines, own_url
from http_gateway.api_token import exposed_file, serving_token, token_source
from http_gateway.interrupts import interruptible
from http_gateway.wire_errors import JsonErrorChannel
from orchestrator.cluster_tokens import token_variables
from orchestrator.local_cluster import LocalCluster, cluster_auth, ensure_local_cluster
from orchestrator.ray_connection import connect, other_ray_addresses, own_ip
from orchestrator.ray_start import CLUSTER_VARIABLES
from orchestrator.settings import Settings
from orchestrator.travelling_code import runtime_env

if TYPE_CHECKING:
    from http_gateway.ray_job_client import RayJobClient


class PortTaken(TandemError):
    """The gateway's port can't be bound."""


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


def serve(settings: Settings, port_file: Path | None = None) -> None:
    """Serves until SIGINT or SIGTERM; raises ``TandemError`` when it can't start."""
    token = serving_token(settings)
    if (file := exposed_file(settings)) is not None:
        print(f"Note: other users of this host can reach the token: chmod 600 {file}", flush=True)
    with _listening_socket(settings.host, settings.port) as listener, interruptible():
        backend = _start_backend(settings)
        try:
            server = _create_server(settings, token, listener, backend)
            _serve_http(settings, server, listener.getsockname()[1], backend, port_file)
        finally:
            _leave(backend)


def _serve_http(
    settings: Settings, server: BaseWSGIServer, port: int, backend: Backend, port_file: Path | None
) -> None:
    thread = threading.Thread(target=server.run, name="http", daemon=True)
    thread.start()
    try:
        _announce(settings, port, backend)
        if port_file is not None:
            _write_port_file(port_file, backend.info(own_url(settings.host, port)))
        thread.join()
        raise Unavailable("The HTTP server has ended by itself; its last words are above")
    except KeyboardInterrupt:
        server.close()


def _start_backend(settings: Settings) -> Backend:
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
        os.environ.update(CLUSTER_VARIABLES)
        os.environ.update(token_variables(settings.storage_path, address, os.environ))
    try:
        # Embedded nodes run in this very environment, the user's need not have Tandem at all.
        dashboard_url = connect(address, runtime_env=None if cluster else runtime_env())
        from http_gateway.ray_job_client import RayJobClient

        client = RayJobClient.start(settings, dashboard_url)
        _say_other_settings(client)
        return Backend(client, address, dashboard_url, cluster)
    except BaseException:
        if cluster is not None and not cluster.joined:
            cluster.stop()
        raise


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


@contextmanager
def _listening_socket(host: str, port: int) -> Iterator[socket.socket]:
    """Bound before anything slow happens, so that a taken port is told at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:  # so that :: takes IPv4 too, on every system
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        try:
            listener.bind((host, port))
            listener.listen()  # two may bind a port, but only one may listen at it
        except OSError as error:
            remedy = (
                "it is no address of this host; 0.0.0.0 stands for all that it has"
                if error.errno == errno.EADDRNOTAVAIL
                else "end what uses it, or choose another with --port, e.g. --port 0 for a free one"
            )
            raise PortTaken(
                f"Port {port} on {host} can't be used ({error.strerror}): {remedy}"
            ) from error
        yield listener


def _create_server(
    settings: Settings, token: str | None, listener: socket.socket, backend: Backend
) -> BaseWSGIServer:
    from http_gateway.app import create_app

    limit = settings.max_request_body_bytes
    app = create_app(backend.client, max_request_body_bytes=limit, token=token, version=__version__)
    server = waitress.create_server(
        app,
        sockets=[listener],
        threads=settings.http_threads,
        # The app refuses a body that is too large by its own limit; this one spares the disk.
        max_request_body_size=2 * limit,
        channel_request_lookahead=1,
        ident="tandem",
    )
    server.channel_class = JsonErrorChannel
    return server


def _announce(settings: Settings, port: int, backend: Backend) -> None:
    state = backend.cluster.state if backend.cluster else None
    url = own_url(settings.host, port)
    lines = [f"Gateway       {url}   (API: {url}/docs)"]
    lines += access_lines(settings.host, port, own_ip(), token_source(settings))
    lines.append(f"Ray           {backend.address}")
    if backend.dashboard_url:
        token = f"   (token: {settings.storage_path / 'ray_token'})" if state else ""
        lines.append(f"Ray dashboard {backend.dashboard_url}{token}")
    if state:
        ports = ", ".join(f"localhost {port}" for port in state.device_ports)
        lines.append(f"Devices       {ports}")
    print("\n".join([*lines, "Ctrl-C stops it."]), flush=True)


def _write_port_file(path: Path, info: dict[str, Any]) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(info))
    partial.replace(path)


def _leave(backend: Backend) -> None:
    """An embedded cluster ends with its gateway; any other goes on training."""
    import ray

    if backend.cluster is not None:
        print("Stopping the JobManager and the embedded Ray cluster …", flush=True)
        backend.client.shutdown_job_manager()
        ray.shutdown()
        backend.cluster.stop()
        return
    ray.shutdown()
    print(
        "The gateway has ended; training goes on in the cluster.\n"
        f"  come back:       tandem serve --ray-address {backend.address}\n"
        f"  stop everything: tandem stop --ray-address {backend.address}",
        file=sys.stdout,
        flush=True,
    )
