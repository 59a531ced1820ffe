"""A cluster of three devices, each a Ray node of this host, its gateway, and a job on it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil
import requests

from http_gateway.client import ApiError, TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from orchestrator.cluster.local_cluster import stop_local_cluster
from tests.chaos.aim import Aim
from tests.chaos.cases import (
    CHECKPOINT_INTERVAL_S,
    MAX_LOST_STEPS,
    NUM_NODES,
    STEP_ROWS,
    Case,
    Strike,
)
from tests.support.jobs import actor_processes, create_job
from tests.support.ports import consecutive_free_ports
from tests.support.printed import printed_json
from tests.support.ray_state import held_bytes

ROOT = Path(__file__).resolve().parents[2]
# Large enough that a phase of a step lasts longer than it takes to aim at it.
LAYERS = [784, 2048, 2048, 10]
DATA = {"name": "digits", "resize": [28, 28], "batch_size": STEP_ROWS, "val_batch_size": 64}
OPTIONS: dict[str, Any] = {"epochs": 14, "threads": 1, "num_microbatches": 2, "momentum": 0.5}
STEPS_AN_EPOCH = 12


@dataclass
class Arena:
    """Ended by ``stop``, whatever was done to it."""

    folder: Path
    num_nodes: int = NUM_NODES
    env: Mapping[str, str] | None = None
    channel: str = "auto"
    frozen: list[psutil.Process] = field(default_factory=list)
    sessions: set[int] = field(default_factory=set)
    gateway: GatewayProcess = field(init=False)
    ports: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.ports = consecutive_free_ports(self.num_nodes)

    def start_gateway(self) -> None:
        """Also the cluster, if it does not run."""
        arguments = ["--local-devices", str(self.num_nodes), "--local-nodes"]
        arguments += ["--local-device-port", str(self.ports[0]), "--channel", self.channel]
        self.gateway = GatewayProcess.start(self.folder, arguments, self.env, timeout_s=120)
        self.sessions.update(self.nodes())

    @property
    def client(self) -> TandemClient:
        return TandemClient(self.gateway.url, timeout_s=60.0)

    def nodes(self) -> list[int]:
        """The nodes' first processes, the head's first; none while there is no cluster."""
        return [record["pid"] for record in self._cluster().get("processes", [])]

    def _cluster(self) -> dict[str, Any]:
        try:
            state: dict[str, Any] = json.loads((self.folder / "cluster.json").read_text())
            return state
        except FileNotFoundError:
            return {}

    def held_bytes(self) -> int:
        """In the object store of the running cluster."""
        self.gateway.info["ray_address"] = self._cluster()["address"]
        return held_bytes(self.gateway)

    @property
    def devices(self) -> list[dict[str, Any]]:
        """As they are registered, the head's first."""
        return [{"ip": "localhost", "port": port} for port in self.ports]

    def start_job(self, nodes: tuple[int, ...]) -> str:
        """With the devices of these nodes, initialized."""
        devices = [self.devices[node] for node in nodes]
        job_id = create_job(
            self.client,
            devices,
            DATA,
            failure_policy={"max_lost_steps": MAX_LOST_STEPS},
            checkpoints={"interval_s": CHECKPOINT_INTERVAL_S},
            layer_sizes=LAYERS,
        )
        self.client.initialize(job_id)
        return job_id

    def strike(self, case: Case, job_id: str, phase: str) -> Strike:
        """The signal at the case's target, once its stage is in the phase."""
        pids, whole = self._pids(case)
        aim = Aim(
            self.gateway.info["ray_address"],
            str(self.folder),
            job_id,
            case.stage,
            phase,
            int(case.how),
            pids,
            whole,
        )
        command = [sys.executable, "-m", "tests.chaos.aim", json.dumps(asdict(aim))]
        done = subprocess.run(command, cwd=ROOT, timeout=90, capture_output=True, text=True)
        assert done.returncode == 0, f"aiming failed: {done.stderr[-500:]}"
        return Strike(**printed_json(done.stdout))

    def targets(self, case: Case) -> list[psutil.Process]:
        """The processes that the case's signal hits, except for a LayerActor, which Ray knows."""
        pids, whole = self._pids(case)
        leaders = [psutil.Process(pid) for pid in pids]
        below = [child for leader in leaders if whole for child in leader.children(recursive=True)]
        return [*below, *leaders]

    def _pids(self, case: Case) -> tuple[list[int], bool]:
        """Processes, and whether all below them are meant, too."""
        if case.target == "layer_actor":
            return [], False
        if case.target == "gateway":
            return [self.gateway.process.pid], False
        if case.target == "job_manager":
            return [p.pid for p in actor_processes(self.nodes(), "JobManager")], False
        return [self.nodes()[0 if case.target == "head" else case.nodes[case.stage]]], True

    def wake_later(self, processes: list[psutil.Process], after_s: float) -> None:
        """Those that were not killed in the meantime."""
        self.frozen = processes
        timer = threading.Timer(after_s, self.wake)
        timer.daemon = True
        timer.start()

    def wake(self) -> None:
        """Everything that was frozen goes on."""
        send_to(self.frozen, signal.SIGCONT)

    def left_processes(self, class_name: str) -> list[psutil.Process]:
        """Actors of a class in any node that ever ran here, those whose node is gone included."""
        self.sessions.update(self.nodes())
        return [p for p in psutil.process_iter() if _is_left(p, self.sessions, class_name)]

    def left_of_gone_nodes(self) -> list[psutil.Process]:
        """Processes of nodes that the restarted cluster does not have."""
        return [p for p in psutil.process_iter() if _is_of(p, self.sessions - {*self.nodes()})]

    def stop(self) -> None:
        """Ends the gateway and every node."""
        self.wake()
        if hasattr(self, "gateway"):
            self.gateway.stop()
        stop_local_cluster(self.folder)


def send_to(processes: list[psutil.Process], how: int) -> None:
    """A signal to each that is still there: a node ends as soon as one of its parts does."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(how)


def _is_left(process: psutil.Process, sessions: set[int], class_name: str) -> bool:
    try:
        title = (process.cmdline() or [""])[0]
    except psutil.Error:
        return False
    return title.startswith(f"ray::{class_name}") and _is_of(process, sessions)


def _is_of(process: psutil.Process, sessions: set[int]) -> bool:
    try:
        alive = process.status() != psutil.STATUS_ZOMBIE
        return alive and os.getsid(process.pid) in sessions
    except (OSError, psutil.Error):
        return False


def patiently(call: Callable[[], Any], timeout_s: float = 240.0) -> Any:
    """The API's answer once it comes; a refusal is raised."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return call()
        except (ApiError, requests.RequestException) as error:
            passing = not isinstance(error, ApiError) or error.status == 503
            if not passing or time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def taken_up_from(events: list[dict[str, Any]]) -> int | None:
    """The optimiser step of the checkpoint that a new JobManager has gone on from; 0 for none, None
    when there was no new one."""
    texts = [event["text"] for event in events if event["kind"] == "taken_up"]
    if not texts:
        return None
    found = re.search(r"step-(\d+)", texts[-1])
    return 0 if found is None else int(found[1])
