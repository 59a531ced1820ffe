"""Asks a device for facts that Ray's node table lacks, by a small task that runs there.

Its code travels with it: the device needs Python and Ray, and nothing from Tandem.
"""

from __future__ import annotations

import functools
import platform
import re
import sys
import threading
import time
from collections.abc import Callable, Collection
from concurrent import futures
from dataclasses import dataclass, replace
from importlib import metadata
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from actors.core.errors import error_text
from actors.host import host_limits
from actors.host.host_limits import usable_memory
from orchestrator.devices.device_list import NodeFacts, Probed

PROBE_TIMEOUT_S = 5.0
FRESH_S = 30.0  # asking again may start a worker process there, which a training would feel
DISTRIBUTIONS = {"ray": "ray", "torch": "torch", "tandem": "tandem-train"}
MAX_CAUSE_CHARS = 300

for _module in (sys.modules[__name__], host_limits):
    ray.cloudpickle.register_pickle_by_value(_module)


# On the device: the standard library only


def describe_host() -> dict[str, Any]:
    """The fields of ``NodeFacts``, for the host that runs this.

    Versions are read from what is installed: importing torch would take seconds.
    """
    memory = usable_memory()
    versions = {name: installed_version(package) for name, package in DISTRIBUTIONS.items()}
    return {
        "os": _operating_system(),
        "memory_bytes": memory.total_bytes,
        "available_memory_bytes": memory.available_bytes,
        "versions": {"python": platform.python_version(), **versions},
    }


def _operating_system() -> str:
    """Name, major and minor release, kind of processor."""
    name, release = platform.system(), platform.release()
    if name == "Darwin":
        name, release = "macOS", platform.mac_ver()[0]
    short = re.match(r"\d+(\.\d+)?", release)
    return f"{name} {short[0] if short else release} {platform.machine()}"


def installed_version(package: str) -> str | None:
    """The version in its metadata; None if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


# At the JobManager


@functools.cache
def _task() -> Any:
    """Made once: Ray keeps the code of each one until the job ends."""
    return ray.remote(num_cpus=0, max_retries=0)(describe_host)


def start_probe(node_id: str) -> futures.Future[dict[str, Any]]:
    """Asks a node, and no other; returns at once."""
    strategy = NodeAffinitySchedulingStrategy(node_id, soft=False)
    reference = _task().options(scheduling_strategy=strategy).remote()
    future: futures.Future[dict[str, Any]] = reference.future()
    return future


@dataclass(frozen=True)
class _Probe:
    """A node's newest probe; ``known`` is the result of an earlier one."""

    started_s: float
    future: futures.Future[dict[str, Any]]
    known: NodeFacts | None

    def look(self, now_s: float) -> Probed:
        """The facts as they are known now. Available memory from an earlier probe is left out,
        because it may have changed."""
        if not self.future.done():
            age = f"{now_s - self.started_s:.0f} s"
            return self._failed(
                f"This node has not answered for {age}: it may be frozen, overloaded or cut off. "
                "List the devices again; if that does not help, restart Ray there"
            )
        error = self.future.exception()
        if error is not None:
            cause = error_text(getattr(error, "cause", error))[:MAX_CAUSE_CHARS]
            return self._failed(
                f"The probe of this node failed: {type(error).__name__}: {cause}. "
                f"Another one is made after {FRESH_S:.0f} s"
            )
        return Probed(NodeFacts(**self.future.result()))

    def _failed(self, error: str) -> Probed:
        known = self.known and replace(self.known, available_memory_bytes=None)
        return Probed(known, error)


class NodeProbes:
    """The newest probe of each node. A node has one probe at a time, however slow it is; it is
    repeated after ``FRESH_S``."""

    def __init__(
        self,
        start: Callable[[str], futures.Future[dict[str, Any]]] = start_probe,
        clock: Callable[[], float] = time.monotonic,
        timeout_s: float = PROBE_TIMEOUT_S,
    ) -> None:
        self._start = start
        self._clock = clock
        self._timeout_s = timeout_s
        self._probes: dict[str, _Probe] = {}
        self._lock = threading.Lock()

    def results(self, node_ids: Collection[str]) -> dict[str, Probed]:
        """The facts about these nodes; other nodes are forgotten.

        Waits until ``timeout_s`` after a probe's start, and not at all for one that is already
        late.
        """
        with self._lock:
            self._probes = {node_id: self._current(node_id) for node_id in node_ids}
            probes = self._probes
        for probe in probes.values():
            left_s = probe.started_s + self._timeout_s - self._clock()
            futures.wait([probe.future], timeout=max(0.0, left_s))
        return {node_id: probe.look(self._clock()) for node_id, probe in probes.items()}

    def _current(self, node_id: str) -> _Probe:
        """A probe that runs or has a fresh answer, otherwise a new one."""
        now_s = self._clock()
        last = self._probes.get(node_id)
        if last is None:
            return _Probe(now_s, self._start(node_id), None)
        if not last.future.done() or now_s - last.started_s < FRESH_S:
            return last
        return _Probe(now_s, self._start(node_id), last.look(now_s).facts)
