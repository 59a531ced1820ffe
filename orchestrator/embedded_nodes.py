"""Starts and ends the Ray nodes of the embedded cluster as processes of their own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from orchestrator.errors import ClusterUnavailable
from orchestrator.placement import device_resource

START_TIMEOUT_S = 60.0
POLL_S = 0.05
MAX_OBJECT_STORE_BYTES = 2 * 2**30
STARTED = "Ray runtime started"


@dataclass(frozen=True)
class ProcessRecord:
    """A process that can be told from a later one with the same pid."""

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> ProcessRecord:
        return cls(pid, psutil.Process(pid).create_time())

    def process(self) -> psutil.Process | None:
        """The process, if it still runs."""
        try:
            process = psutil.Process(self.pid)
            alive = process.status() != psutil.STATUS_ZOMBIE
            return process if alive and process.create_time() == self.created else None
        except psutil.NoSuchProcess:
            return None


@dataclass(frozen=True)
class NodeLauncher:
    """What the embedded nodes have in common. ``env`` carries the cluster's own token."""

    temp_dir: Path
    log_dir: Path
    env: dict[str, str]

    def start_head(
        self,
        gcs_port: int,
        node_port: int | None,
        devices: Sequence[int],
        dashboard_port: int | None,
    ) -> ProcessRecord:
        """The head; ``devices`` are offered as resources, ``node_port`` None takes a free one."""
        client_port = free_port()
        arguments = ["--head", f"--port={gcs_port}", f"--temp-dir={self.temp_dir}"]
        arguments += [f"--ray-client-server-port={client_port}"]
        if dashboard_port is None:
            arguments.append("--include-dashboard=false")
        else:
            arguments += ["--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard_port}"]
        return self._start("head", arguments, node_port, devices)

    def start_node(self, address: str, node_port: int) -> ProcessRecord:
        """A further node, which is itself the device ``node_port``."""
        return self._start(f"node-{node_port}", [f"--address={address}"], node_port, ())

    def _start(
        self, name: str, arguments: list[str], node_port: int | None, devices: Sequence[int]
    ) -> ProcessRecord:
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block"]
        command += [f"--object-store-memory={_object_store_bytes()}", "--disable-usage-stats"]
        if node_port is not None:
            command.append(f"--node-manager-port={node_port}")
        if devices:
            resources = {device_resource(port): 1 for port in devices}
            command.append(f"--resources={json.dumps(resources)}")
        log = self.log_dir / f"ray-{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.env,
                start_new_session=True,
            )
        _wait_until_started(process, log)
        return ProcessRecord.of(process.pid)


def end_nodes(records: Sequence[ProcessRecord], timeout_s: float = 15.0) -> None:
    """Ends the nodes, the head (the first) last, with all they started; by force after a while."""
    processes = [p for record in reversed(records) if (p := record.process()) is not None]
    family = [child for p in processes for child in p.children(recursive=True)]
    for process in processes:
        _signal(process, signal.SIGTERM)
    _, alive = psutil.wait_procs(processes + family, timeout=timeout_s)
    for process in alive:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=5.0)


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


def _wait_until_started(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while STARTED not in (text := log.read_text(errors="replace")):
        ended = process.poll() is not None
        if ended or time.monotonic() > deadline:
            if not ended:
                end_nodes([ProcessRecord.of(process.pid)])
            lines = " ".join(text.split())[-600:]
            reason = "ended" if ended else f"did not start within {START_TIMEOUT_S:.0f} s"
            raise ClusterUnavailable(f"The embedded Ray node {reason} (log: {log}): {lines}")
        time.sleep(POLL_S)


def _object_store_bytes() -> int:
    """Ray's default share of 30 % of the memory, capped: no data set here needs more, and on
    systems where it can't be shared memory a larger one lies on disk."""
    return min(int(psutil.virtual_memory().total * 0.3), MAX_OBJECT_STORE_BYTES)


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def child_env(auth: dict[str, str]) -> dict[str, str]:
    """The environment of the embedded nodes: the user's, without what names another cluster."""
    foreign = ("RAY_ADDRESS", "RAY_AUTH_TOKEN")
    return {**{k: v for k, v in os.environ.items() if k not in foreign}, **auth}
