"""``tandem serve``: settings -> Ray -> JobManager -> HTTP, and an orderly end."""

from __future__ import annotations

import errno
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from actors.core.addresses import parse_host_port
from actors.core.errors import InvalidRequest, TandemError, Unavailable
from http_gateway.access.addresses import access_lines, own_url
from http_gateway.access.api_token import exposed_file, serving_token, token_source
from http_gateway.process.backend import Backend, start_backend
from http_gateway.process.coming_back import ComingBack, WaitingJobClient, execute_again
from http_gateway.process.interrupts import SIGNALS, held, interruptible, is_ending
from http_gateway.process.saving import save_jobs
from http_gateway.process.watchdog import Watchdog
from http_gateway.server.front import Front
from orchestrator.cluster.embedded_nodes import is_listening
from orchestrator.cluster.local_cluster import running_address, stop_local_cluster
from orchestrator.connection.own_address import own_ip
from orchestrator.files.storage_folder import storage_in_use
from orchestrator.settings import Settings
from orchestrator.store.storage_lock import lock_storage

POLL_S = 1.0
RETRY_S = 5.0
LOCK_S = 1.0
DRIVER_END_S = 10.0
LAST_ANSWERS_S = 2.0  # for the requests under way when the Ray head goes, or is left
ENDING = "The gateway is ending: ask again when it is back"


class PortTaken(TandemError):
    """The gateway's port can't be bound."""


@held()
def serve(settings: Settings, port_file: Path | None = None) -> None:
    """Serves until it is interrupted; raises ``TandemError`` when it can't start."""
    back = ComingBack.take(os.environ)
    environ = dict(os.environ)  # without Ray's variables, which come in later
    token = serving_token(settings)
    if (file := exposed_file(settings)) is not None:
        print(f"Note: other users of this host can reach the token: chmod 600 {file}", flush=True)
    port = settings.port
    opened = _listening_socket(settings.host, port) if back is None else closing(back.listener())
    with opened as listener, storage_in_use(settings), _only_gateway(settings, listener):
        ran_before = back is None and running_address(settings.storage_path) is not None
        gateway = _Gateway(settings, Front(settings, token, listener), listener, environ)
        backend = None
        try:
            with interruptible(SIGNALS):  # that nobody reads its words is no reason to end
                if back is None:
                    backend = start_backend(settings)
                else:
                    backend = gateway.start_again(back.reason)
                gateway.serve(backend, port_file)
        except KeyboardInterrupt:
            if backend is None and back is None:
                raise  # it has never served
        finally:
            gateway.front.close()
            if backend is not None:
                _leave(backend, gateway.front)
            else:
                _leave_unready(settings, ran_before)


@dataclass(frozen=True)
class _Gateway:
    """Serves while the Ray head is there, then begins again; ``environ`` is for that."""

    settings: Settings
    front: Front
    listener: socket.socket
    environ: Mapping[str, str]

    def serve(self, backend: Backend, port_file: Path | None) -> NoReturn:
        """Until ``KeyboardInterrupt``, or until the Ray head is gone: that does not return."""
        self.front.show(backend.client)
        port = self.listener.getsockname()[1]
        _announce(self.settings, port, backend)
        if port_file is not None:
            _write_port_file(port_file, backend.info(own_url(self.settings.host, port)))
        watchdog = Watchdog(backend.client.manager, lambda: _head_listens(backend.address), _say)
        watchdog.start()
        try:
            while self.front.serves:
                if is_ending():  # a library may have swallowed the interruption
                    raise KeyboardInterrupt
                if watchdog.head_gone.wait(POLL_S):
                    self._begin_anew(backend)
        finally:
            watchdog.stop()  # before Ray is left: a ping would start another Ray
        raise Unavailable("The HTTP server has stopped unexpectedly; its last messages are above")

    def start_again(self, reason: str) -> Backend:
        """Like the first start, once there is a Ray head; answers 503 with the reason until
        then."""
        self.front.show(WaitingJobClient(reason))
        address = self.settings.ray_address
        while address is not None and not _head_listens(address):
            time.sleep(POLL_S)
        try:
            return start_backend(self.settings)
        except Unavailable as error:  # its processes are not all up yet, or it is gone again
            if error.message != reason:
                _say(error.message)
            self.front.show(WaitingJobClient(error.message))
            time.sleep(RETRY_S)
            execute_again(self.listener, error.message, self.environ)

    def _begin_anew(self, backend: Backend) -> NoReturn:
        reason = _gone_text(backend)
        _say(reason)
        self.front.show(WaitingJobClient(reason))
        backend.client.manager.give_up(reason)
        self.front.finish_requests(LAST_ANSWERS_S)
        execute_again(self.listener, reason, self.environ)


@contextmanager
def _only_gateway(settings: Settings, listener: socket.socket) -> Iterator[None]:
    """If a gateway's embedded cluster ends with it, it is the only one on its storage path. A
    cluster of the user's own may have several gateways."""
    if settings.ray_address is not None:
        yield
        return
    url = own_url(settings.host, listener.getsockname()[1])
    lock = lock_storage(settings.storage_path, f"the gateway at {url}", LOCK_S, "gateway")
    try:
        yield
    finally:
        lock.release()


def _head_listens(address: str) -> bool:
    where = parse_host_port(address)
    return is_listening(where.host, where.port)


def _gone_text(backend: Backend) -> str:
    if backend.cluster is not None:
        return (
            "The head of the embedded Ray cluster is gone: the gateway starts the cluster again, "
            "which takes some seconds. Jobs that were not finished go on then"
        )
    return (
        f"The Ray head at {backend.address} is gone: the gateway waits until one answers there "
        "again (on the head: tandem head, or ray start --head). Jobs that were not finished go on "
        "once their devices have joined"
    )


def _say(text: str) -> None:
    _print(text if text.endswith("…") else f"{text.rstrip('.')}.")


def _print(text: str) -> None:
    print(text, flush=True)


@contextmanager
def _listening_socket(host: str, port: int) -> Iterator[socket.socket]:
    """Bound before anything slow happens, so that a taken port is reported at once."""
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
                "it isn't an address of this host; 0.0.0.0 stands for all of them"
                if error.errno == errno.EADDRNOTAVAIL
                else "end what uses it, or choose another with --port, e.g. --port 0 for a free one"
            )
            raise PortTaken(
                f"Port {port} on {host} can't be used ({error.strerror}): {remedy}"
            ) from error
        yield listener


def _announce(settings: Settings, port: int, backend: Backend) -> None:
    state = backend.cluster.state if backend.cluster else None
    url = own_url(settings.host, port)
    lines = [f"Page          {url}   (open it in a browser; API: {url}/docs)"]
    lines += access_lines(settings.host, port, own_ip(wanted=settings.ip), token_source(settings))
    lines.append(f"Ray           {backend.address}")
    if backend.dashboard_url:
        token = f"   (token: {settings.storage_path / 'ray_token'})" if state else ""
        lines.append(f"Ray dashboard {backend.dashboard_url}{token}")
    elif state and settings.dashboard is None:
        lines.append("Ray dashboard off, because it takes 0.7 GB (TANDEM_DASHBOARD=true starts it)")
    if state:
        ports = ", ".join(f"localhost {port}" for port in state.device_ports)
        lines.append(f"Devices       {ports}")
    print("\n".join([*lines, "Ctrl-C stops it."]), flush=True)


def _write_port_file(path: Path, info: dict[str, Any]) -> None:
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(json.dumps(info))
        partial.replace(path)
    except OSError as error:
        raise InvalidRequest(f"--port-file {path} can't be written: {error.strerror}") from error


def _leave(backend: Backend, front: Front) -> None:
    """An embedded cluster ends with its gateway; any other goes on training."""
    import ray

    if backend.cluster is None:
        _end_requests(backend, front)
        ray.shutdown()
        _print(_going_on(backend.address))
        return
    try:
        save_jobs(backend.client.manager.save_for_end, _say)
        _end_requests(backend, front)
        _print("Stopping the JobManager and the embedded Ray cluster …")
        _try_for(DRIVER_END_S, backend.client.manager.end, ray.shutdown)
    finally:
        backend.cluster.stop()


def _end_requests(backend: Backend, front: Front) -> None:
    """Connections that are open may bring requests until the process has ended."""
    backend.client.manager.give_up(ENDING)
    front.finish_requests(LAST_ANSWERS_S)


def _leave_unready(settings: Settings, ran_before: bool) -> None:
    """Nothing is left of a start that came to nothing."""
    storage = settings.storage_path
    if settings.ray_address is not None:
        if is_ending():
            _print(_going_on(settings.ray_address))
    elif not ran_before:
        stop_local_cluster(storage)
    elif running_address(storage):
        _say(
            "The embedded cluster that an earlier gateway had left runs on; to end it: tandem stop "
            f"--storage-path {storage}"
        )


def _going_on(address: str) -> str:
    return (
        "The gateway has ended; training goes on in the cluster.\n"
        f"  come back:       tandem serve --ray-address {address}\n"
        f"  stop everything: tandem stop --ray-address {address}"
    )


def _try_for(timeout_s: float, *calls: Callable[[], object]) -> None:
    """This may hang without a Ray head; the processes are ended in any case."""

    def call_all() -> None:
        for call in calls:
            with suppress(Exception):
                call()

    thread = threading.Thread(target=call_all, name="leave-ray", daemon=True)
    thread.start()
    thread.join(timeout_s)
