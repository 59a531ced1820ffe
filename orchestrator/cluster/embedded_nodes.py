"""Starts and ends the Ray nodes of the embedded cluster as separate processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from actors.core.addresses import parse_host_port
from orchestrator.cluster.node_size import node_size
from orchestrator.cluster.own_processes import ProcessRecord
from orchestrator.cluster.ray_start import COMMON_FLAGS, explain, resources_flag
from orchestrator.connection.foreign_variables import may_be_the_cause
from orchestrator.errors import ClusterUnavailable

START_TIMEOUT_S = 60.0
POLL_S = 0.05
STARTED = "Ray runtime started"


@dataclass(frozen=True)
class NodeLauncher:
    """What the embedded nodes have in common. ``env`` carries the cluster's token; ``record`` is
    called with each node's process before the node is up; ``num_nodes`` share this host."""

    temp_dir: Path
    log_dir: Path
    env: dict[str, str]
    record: Callable[[ProcessRecord], None]
    num_nodes: int = 1

    def start_head(
        self,
        address: str,
        node_port: int | None,
        devices: Sequence[int],
        dashboard_url: str | None,
    ) -> None:
        """The head; ``devices`` are offered as resources, ``node_port`` None takes a free one."""
        where = parse_host_port(address)
        arguments = ["--head", f"--port={where.port}", f"--temp-dir={self.temp_dir}"]
        arguments += [f"--node-ip-address={where.host}", f"--ray-client-server-port={free_port()}"]
        if dashboard_url is None:
            arguments.append("--include-dashboard=false")
        else:
            arguments += [
                "--dashboard-host=127.0.0.1",
                f"--dashboard-port={urlsplit(dashboard_url).port}",
            ]
        self._start("head", arguments, node_port, devices)

    def start_node(self, address: str, node_port: int) -> None:
        """A further node, which is itself the device ``node_port``."""
        arguments = [f"--address={address}"]
        arguments += [f"--node-ip-address={parse_host_port(address).host}"]
        self._start(f"node-{node_port}", arguments, node_port, ())

    def _start(
        self, name: str, arguments: list[str], node_port: int | None, devices: Sequence[int]
    ) -> None:
        arguments = [*arguments, *COMMON_FLAGS]
        # Ray's fixed ports would be taken when a second node runs on this host.
        arguments += ["--min-worker-port=0", "--max-worker-port=0"]
        arguments.append("--dashboard-agent-listen-port=0")
        if node_port is not None:
            arguments.append(f"--node-manager-port={node_port}")
        if devices:
            arguments.append(resources_flag(devices))
        log = self.log_dir / f"ray-{name}.log"
        process = spawn_ray_start(arguments, self.env, log, self.num_nodes)
        self.record(ProcessRecord.of(process.pid))
        wait_until_started(process, log)


def spawn_ray_start(
    arguments: Sequence[str], env: Mapping[str, str], log: Path, num_nodes: int = 1
) -> subprocess.Popen[bytes]:
    """Runs ``ray start --block`` in a process session of its own, for a node that gets its share of
    the host's resources; its output goes to ``log``."""
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block"]
    with log.open("wb") as output:
        return subprocess.Popen(
            [*command, *arguments, *node_size(num_nodes).flags],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(env),
            cwd=log.parent,  # `-m` makes the current folder importable in all that it starts
            start_new_session=True,
        )


def wait_until_started(process: subprocess.Popen[bytes], log: Path) -> None:
    """Raises ``ClusterUnavailable`` saying what ``ray start`` makes of it, within a minute."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while STARTED not in (text := log.read_text(errors="replace")):
        ended = process.poll() is not None
        if ended or time.monotonic() > deadline:
            reason = "ended" if ended else f"did not start within {START_TIMEOUT_S:.0f} s"
            why = explain(text, may_be_the_cause(os.environ))
            raise ClusterUnavailable(f"The Ray node {reason} (log: {log}): {why}")
        time.sleep(POLL_S)


def free_port() -> int:
    """A TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
        return port


def is_listening(host: str, port: int, timeout_s: float = 3.0) -> bool:
    """Whether something accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=timeout_s):
            return True
    except OSError:
        return False


def child_env(own: Mapping[str, str]) -> dict[str, str]:
    """The environment of a Ray node: the user's, without what names another cluster and what is
    none of the nodes' business, and its own."""
    foreign = ("RAY_ADDRESS", "RAY_AUTH_TOKEN", "TANDEM_API_TOKEN")
    return {**{k: v for k, v in os.environ.items() if k not in foreign}, **own}
