"""The embedded Ray cluster: it starts once, outlives a killed gateway, and the next gateway joins
it again.

Its state file, lock and token are under the storage path. None of them is where Ray looks, so other
Ray clusters of this user are not affected.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from actors.core.addresses import is_loopback, join_host_port, parse_host_port
from actors.host.host_limits import usable_memory
from orchestrator.cluster.embedded_nodes import NodeLauncher, child_env, free_port, is_listening
from orchestrator.cluster.node_keeper import why_taken
from orchestrator.cluster.node_size import has_dashboard
from orchestrator.cluster.own_processes import MARK, ProcessRecord, end_nodes, marked
from orchestrator.cluster.ray_start import MULTI_NODE_VARIABLE
from orchestrator.errors import ClusterUnavailable, InvalidRequest
from orchestrator.files.temp_folder import folder_for_cluster
from orchestrator.settings import Settings

LOCK_TIMEOUT_S = 120.0
TEMP_PREFIX = "tandem-"


@dataclass(frozen=True)
class ClusterState:
    """The state file. ``processes`` are the nodes, the head first; ``ray`` is its version.

    It is written before anything is started, ``ready`` when all nodes are up: of a gateway killed
    in between, the next one finds what to clean up.
    """

    address: str
    dashboard_url: str | None
    device_ports: tuple[int, ...]
    local_nodes: bool
    temp_dir: str
    ray: str
    processes: tuple[ProcessRecord, ...] = ()
    ready: bool = False


@dataclass(frozen=True)
class LocalCluster:
    """A running embedded cluster; ``joined`` when an earlier gateway had started it."""

    storage_path: Path
    state: ClusterState
    joined: bool

    def stop(self) -> None:
        """Ends every process of it and removes its state."""
        with _lock(self.storage_path):
            _remove(self.storage_path, self.state)


def ensure_local_cluster(settings: Settings) -> LocalCluster:
    """Joins the cluster of the storage path, or starts it.

    Raises ``InvalidRequest`` when one runs with other devices or versions than are asked for,
    ``ClusterUnavailable`` when it can't be started.
    """
    storage = settings.storage_path
    storage.mkdir(parents=True, exist_ok=True)
    auth = cluster_auth(storage)
    with _lock(storage):
        state = _read(storage)
        if state is not None and _is_alive(state):
            _check_same(state, settings)
            return LocalCluster(storage, state, joined=True)
        _remove(storage, state)
        return LocalCluster(storage, _start(settings, auth), joined=False)


def stop_local_cluster(storage_path: Path) -> bool:
    """Ends the cluster of a storage path; False when there was none. Raises ``ClusterUnavailable``,
    with its state kept, when it can't be ended."""
    if not _state_file(storage_path).exists() and not any(marked(_marks(storage_path))):
        return False
    with _lock(storage_path):
        _remove(storage_path, _read(storage_path))
    return True


def running_address(storage_path: Path) -> str | None:
    """The address of the storage path's cluster, if it runs."""
    state = _read(storage_path)
    return state.address if state is not None and _is_alive(state) else None


def cluster_auth(storage_path: Path) -> dict[str, str]:
    """Environment variables that let a process take part; makes the token if there is none.

    Ray keeps a cluster of one host on loopback, as it does on macOS. Such a cluster can't be
    reached from elsewhere, and does not depend on its host's address.
    """
    token = storage_path / "ray_token"
    if not _is_whole(token):
        _make_token(token)
    return {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_USAGE_STATS_ENABLED": "0",
        MULTI_NODE_VARIABLE: "0",
    }


def _make_token(token: Path) -> None:
    """Readable by its user only; of two gateways at once the second takes the first one's."""
    with _lock(token.parent):
        if _is_whole(token):
            return
        partial = token.with_suffix(".partial")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(token)


def _is_whole(token: Path) -> bool:
    """A host that went down may have left an empty one."""
    return token.exists() and token.read_text() != ""


def _start(settings: Settings, auth: dict[str, str]) -> ClusterState:
    storage, ports = settings.storage_path, _device_ports(settings)
    _check_free(settings)
    state = _new_state(settings)

    def record(process: ProcessRecord) -> None:
        nonlocal state
        state = replace(state, processes=(*state.processes, process))
        _write(storage, state)

    # Their leftovers go with their temporary folder; further nodes join like those of any cluster.
    several = {MULTI_NODE_VARIABLE: "1"} if settings.local_nodes else {}
    env = {**auth, **several, "TMPDIR": state.temp_dir, **_marks(storage)}
    num_nodes = len(ports) if settings.local_nodes else 1
    launcher = NodeLauncher(Path(state.temp_dir), storage, child_env(env), record, num_nodes)
    try:
        _write(storage, state)
        Path(state.temp_dir).mkdir(0o700)
        if settings.local_nodes:
            launcher.start_head(state.address, ports[0], (), state.dashboard_url)
            for port in ports[1:]:
                launcher.start_node(state.address, port)
        else:
            launcher.start_head(state.address, None, ports, state.dashboard_url)
        state = replace(state, ready=True)
        _write(storage, state)
    except BaseException:
        _remove(storage, state)
        raise
    return state


def _check_free(settings: Settings) -> None:
    """Raises ``InvalidRequest`` for a device that would be a Ray node at a port that is taken."""
    ports = _device_ports(settings) if settings.local_nodes else ()
    for port in ports:
        if why := why_taken(port):
            raise InvalidRequest(
                f"Port {port}, of an embedded device, is taken on this host ({why}): another "
                "cluster may run here. End that, or choose other ports with --local-device-port, "
                f"e.g. {ports[-1] + 1000}"
            )


def _new_state(settings: Settings) -> ClusterState:
    shown = has_dashboard(settings.dashboard, usable_memory())
    dashboard_url = f"http://127.0.0.1:{free_port()}" if shown else None
    return ClusterState(
        address=join_host_port(_loopback(settings), free_port()),
        dashboard_url=dashboard_url,
        device_ports=_device_ports(settings),
        local_nodes=settings.local_nodes,
        temp_dir=str(folder_for_cluster(os.environ, f"{TEMP_PREFIX}{secrets.token_hex(4)}").path),
        ray=version("ray"),
    )


def _loopback(settings: Settings) -> str:
    """If there may be several nodes, Ray itself replaces 127.0.0.1 by another address."""
    return "127.0.0.2" if settings.local_nodes else "127.0.0.1"


def _check_same(state: ClusterState, settings: Settings) -> None:
    asked = (_device_ports(settings), settings.local_nodes, version("ray"))
    running = (state.device_ports, state.local_nodes, state.ray)
    if asked != running:
        kind = "Ray nodes" if state.local_nodes else "devices of one Ray node"
        raise InvalidRequest(
            f"An embedded cluster with the {kind} {list(state.device_ports)} (Ray {state.ray}) "
            f"already runs on {settings.storage_path}: start with the same settings to join it, or "
            f"end it with `tandem stop --storage-path {settings.storage_path}`"
        )


def _is_alive(state: ClusterState) -> bool:
    """One at an address of the host's network, as earlier versions started it, is as good as lost:
    it ends with that address."""
    running = state.ready and all(record.process() for record in state.processes)
    return running and is_loopback(parse_host_port(state.address).host) and _answers(state)


def _answers(state: ClusterState) -> bool:
    where = parse_host_port(state.address)
    return is_listening(where.host, where.port)


def _remove(storage: Path, state: ClusterState | None) -> None:
    """Ends everything that runs of it, and only then removes its state. If the state file was
    damaged or deleted, the processes themselves show what runs. Raises ``ClusterUnavailable``."""
    records: tuple[ProcessRecord, ...] = ()
    marks = _marks(storage)
    folders = {process.environ().get("TMPDIR", "") for process in marked(marks)}
    if state is not None:
        records, marks = state.processes, {**marks, "TMPDIR": state.temp_dir}
        folders.add(state.temp_dir)
    end_nodes(records, marks)
    if state is not None and _answers(state):
        raise ClusterUnavailable(
            f"The embedded cluster of {storage} answers at {state.address}, but is none of this "
            "host's processes: end it on the host, or in the container, that it was started on; "
            f"if something else answers there, delete {_state_file(storage)}"
        )
    for folder in folders:
        if Path(folder).name.startswith(TEMP_PREFIX):
            shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):  # read-only: what stays there names processes that have ended
        _state_file(storage).unlink(missing_ok=True)


def _marks(storage: Path) -> dict[str, str]:
    """The variable by which the processes of a storage path's cluster are found."""
    return {MARK: str(storage.resolve())}


def _device_ports(settings: Settings) -> tuple[int, ...]:
    first = settings.local_device_port
    return tuple(range(first, first + settings.local_devices))


@contextmanager
def _lock(storage: Path) -> Iterator[None]:
    """One gateway at a time starts or ends the cluster; a killed one's lock is free again.

    On a disk that has become read-only nobody starts one, and it can be ended without the lock.
    """
    lock = FileLock(storage / "cluster.lock", timeout=LOCK_TIMEOUT_S, is_singleton=True)
    try:
        lock.acquire()
    except Timeout as error:
        raise ClusterUnavailable(
            f"Another gateway has been starting or ending the embedded cluster of {storage} for "
            f"{LOCK_TIMEOUT_S:.0f} s: end that one, or choose another --storage-path"
        ) from error
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
    try:
        yield
    finally:
        lock.release()


def _state_file(storage: Path) -> Path:
    return storage / "cluster.json"


def _read(storage: Path) -> ClusterState | None:
    """The state file; a damaged or foreign one counts as none."""
    try:
        raw = json.loads(_state_file(storage).read_text())
        processes = tuple(_record(r, raw["temp_dir"]) for r in raw.pop("processes"))
        ports = tuple(raw.pop("device_ports"))
        return ClusterState(processes=processes, device_ports=ports, **raw)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _record(raw: dict[str, Any], temp_dir: str) -> ProcessRecord:
    """An old record has a time of day; its process is recognised by its TMPDIR."""
    if "started" in raw:
        return ProcessRecord(int(raw["pid"]), str(raw["place"]), str(raw["started"]))
    for process in marked({"TMPDIR": temp_dir}):
        if process.pid == raw["pid"]:
            return ProcessRecord.of(process.pid)
    return ProcessRecord(int(raw["pid"]), "", "")


def _write(storage: Path, state: ClusterState) -> None:
    partial = _state_file(storage).with_suffix(".partial")
    partial.write_text(json.dumps(asdict(state), indent=2))
    partial.replace(_state_file(storage))
