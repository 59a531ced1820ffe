"""The embedded Ray cluster: started once, outliving a killed gateway, joined again by the next.

It has a state file, a lock and a token of its own under the storage path; nothing of it is in
the user's home or in Ray's usual folder, so other Ray clusters of this user are not affected.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import tempfile
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from filelock import FileLock

from orchestrator.embedded_nodes import (
    NodeLauncher,
    ProcessRecord,
    child_env,
    end_nodes,
    free_port,
    is_listening,
)
from orchestrator.errors import InvalidRequest
from orchestrator.settings import Settings

LOCK_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class ClusterState:
    """The state file. ``processes`` are the nodes, the head first; ``ray`` is its version."""

    address: str
    dashboard_url: str | None
    device_ports: tuple[int, ...]
    local_nodes: bool
    temp_dir: str
    processes: tuple[ProcessRecord, ...]
    ray: str


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
    with _lock(storage):
        state = _read(storage)
        if state is not None and _is_alive(state):
            _check_same(state, settings)
            return LocalCluster(storage, state, joined=True)
        if state is not None:
            _remove(storage, state)
        return LocalCluster(storage, _start(settings), joined=False)


def stop_local_cluster(storage_path: Path) -> bool:
    """Ends the cluster of a storage path; False when there was none."""
    state = _read(storage_path)
    if state is None:
        return False
    LocalCluster(storage_path, state, joined=True).stop()
    return True


def running_address(storage_path: Path) -> str | None:
    """The address of the storage path's cluster, if it runs."""
    state = _read(storage_path)
    return state.address if state is not None and _is_alive(state) else None


def cluster_auth(storage_path: Path) -> dict[str, str]:
    """Environment variables that let a process take part; makes the token if there is none."""
    token = storage_path / "ray_token"
    if not token.exists():
        descriptor = os.open(token, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
    return {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_USAGE_STATS_ENABLED": "0",
    }


def _start(settings: Settings) -> ClusterState:
    storage = settings.storage_path
    temp_dir = _temp_dir(storage)
    temp_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    launcher = NodeLauncher(temp_dir, storage, child_env(cluster_auth(storage)))
    ports = _device_ports(settings)
    gcs_port, dashboard_port = free_port(), free_port() if settings.dashboard else None
    records: list[ProcessRecord] = []
    try:
        if settings.local_nodes:
            records.append(launcher.start_head(gcs_port, ports[0], (), dashboard_port))
            address = f"{_node_ip()}:{gcs_port}"
            records += [launcher.start_node(address, port) for port in ports[1:]]
        else:
            records.append(launcher.start_head(gcs_port, None, ports, dashboard_port))
        state = _new_state(settings, gcs_port, dashboard_port, temp_dir, records)
        _write(storage, state)
    except BaseException:
        end_nodes(records)
        shutil.rmtree(temp_dir, ignore_errors=True)
        raise
    return state


def _new_state(
    settings: Settings,
    gcs_port: int,
    dashboard_port: int | None,
    temp_dir: Path,
    records: list[ProcessRecord],
) -> ClusterState:
    return ClusterState(
        address=f"{_node_ip()}:{gcs_port}",
        dashboard_url=None if dashboard_port is None else f"http://127.0.0.1:{dashboard_port}",
        device_ports=_device_ports(settings),
        local_nodes=settings.local_nodes,
        temp_dir=str(temp_dir),
        processes=tuple(records),
        ray=version("ray"),
    )


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
    host, port = state.address.rsplit(":", 1)
    return all(r.process() is not None for r in state.processes) and is_listening(host, int(port))


def _remove(storage: Path, state: ClusterState) -> None:
    end_nodes(state.processes)
    shutil.rmtree(state.temp_dir, ignore_errors=True)
    _state_file(storage).unlink(missing_ok=True)


def _device_ports(settings: Settings) -> tuple[int, ...]:
    first = settings.local_device_port
    return tuple(range(first, first + settings.local_devices))


def _temp_dir(storage: Path) -> Path:
    """Short, because Ray's socket names may have 107 characters in all."""
    digest = hashlib.sha256(str(storage).encode()).hexdigest()[:8]
    return Path(tempfile.gettempdir()) / f"tandem-{os.getuid()}-{digest}"


def _node_ip() -> str:
    """The address by which Ray will know this host."""
    from ray.util import get_node_ip_address

    return str(get_node_ip_address())


def _lock(storage: Path) -> Any:
    return FileLock(storage / "cluster.lock", timeout=LOCK_TIMEOUT_S)


def _state_file(storage: Path) -> Path:
    return storage / "cluster.json"


def _read(storage: Path) -> ClusterState | None:
    """The state file; a damaged or foreign one counts as none."""
    try:
        raw = json.loads(_state_file(storage).read_text())
        processes = tuple(ProcessRecord(**record) for record in raw.pop("processes"))
        ports = tuple(raw.pop("device_ports"))
        return ClusterState(processes=processes, device_ports=ports, **raw)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _write(storage: Path, state: ClusterState) -> None:
    partial = _state_file(storage).with_suffix(".partial")
    partial.write_text(json.dumps(asdict(state), indent=2))
    partial.replace(_state_file(storage))
