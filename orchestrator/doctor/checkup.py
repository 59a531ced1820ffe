"""Runs on a node, and reports on its host and its connections to other nodes.

Its code travels by value like that of ``node_probe``: a device needs only Python and Ray. So a
missing torch or numpy is found and not a failure.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import ray

from orchestrator.devices.node_probe import describe_host, installed_version

SHARED_MEMORY = "/dev/shm"
FREE_PORTS = "/proc/sys/net/ipv4/ip_local_port_range"
CONNECT_TIMEOUT_S = 2.0  # one resend of a lost first packet takes 1 s
MAX_CONNECTS_AT_ONCE = 32
NUM_ROUND_TRIPS = 11
ROUND_TRIP_BYTES = 8
FETCHED_BYTES = 16 * 2**20
FIRST_FETCHED_BYTES = 2**20  # too large for Ray to send within the answer

ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])


def examine_host(folder: str) -> dict[str, Any]:
    """The fields of ``HostFacts``; ``folder`` is on the disk that is checked."""
    told = describe_host()
    disk = disk_usage(folder)
    shared = disk_usage(SHARED_MEMORY)
    return {
        **told,
        "versions": {**told["versions"], "numpy": installed_version("numpy")},
        "shared_memory_bytes": shared.total if shared else None,
        "disk_bytes": disk.total if disk else None,
        "free_disk_bytes": disk.free if disk else None,
        "auth_mode": os.environ.get("RAY_AUTH_MODE"),
    }


def disk_usage(folder: str) -> Any:
    """The disk's ``total`` and ``free`` bytes; None if there is no such folder."""
    try:
        return shutil.disk_usage(folder)
    except OSError:
        return None


def try_connections(targets: Sequence[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """Why no TCP connection from here to a target (ip, port) could be opened; those that could are
    left out."""
    if not targets:
        return {}
    with ThreadPoolExecutor(min(len(targets), MAX_CONNECTS_AT_ONCE)) as pool:
        tried = zip(targets, pool.map(_try_connection, targets), strict=True)
        return {target: error for target, error in tried if error is not None}


def _try_connection(target: tuple[str, int]) -> str | None:
    try:
        socket.create_connection(target, timeout=CONNECT_TIMEOUT_S).close()
    except OSError as error:
        return error.strerror or str(error) or type(error).__name__
    return None


def torch_accelerators() -> list[str]:
    """Those that torch sees, asked as a LayerActor asks; importing it takes seconds."""
    try:
        import torch

        device = torch.accelerator.current_accelerator(check_available=True)
    except Exception:  # whatever a broken installation, or an old one, raises: it sees none
        return []
    if device is None:
        return []
    name_of = getattr(torch.get_device_module(device), "get_device_name", None)
    if name_of is None:
        return [device.type]
    return [f"{device.type}: {name_of(i)}" for i in range(torch.accelerator.device_count())]


def free_ports() -> str:
    """The range of ports from which this host's kernel picks, in ufw's form; the range of most
    systems if the host does not say."""
    try:
        with open(FREE_PORTS) as told:
            return ":".join(told.read().split())
    except OSError:
        return "49152:65535"


class Examiner:
    """An actor for the time of a checkup, one a node."""

    _listens: socket.socket | None = None

    def listen(self, ip: str) -> tuple[int, str]:
        """Listens there, as a channel by gloo would, until the checkup's end; returns the port that
        the kernel gave and ``free_ports``."""
        self._listens = socket.create_server((ip, 0))
        return self._listens.getsockname()[1], free_ports()

    def connect(self, targets: Sequence[tuple[str, int]]) -> dict[tuple[str, int], str]:
        """Runs ``try_connections``."""
        return try_connections(targets)

    def examine(self, folder: str, targets: Sequence[tuple[str, int]]) -> dict[str, Any]:
        """``host`` from ``examine_host`` and ``refused`` from ``try_connections``."""
        return {"host": examine_host(folder), "refused": try_connections(targets)}

    def clock(self) -> float:
        """This host's time, in seconds since the epoch."""
        return time.time()

    def echo(self, payload: bytes) -> bytes:
        """Returns its argument."""
        return payload

    def make(self, num_bytes: int) -> bytes:
        """So many bytes, which Ray keeps in this node's object store until they are fetched."""
        return bytes(num_bytes)

    def accelerators(self) -> list[str]:
        """Runs ``torch_accelerators``."""
        return torch_accelerators()

    def measure(self, source: Any, timeout_s: float) -> dict[str, float]:
        """The link from the Examiner ``source`` to this node, by calls and objects of Ray.

        ``round_trip_s`` is the median of some small calls, ``bytes_per_s`` of one large object.
        Raises Ray's ``GetTimeoutError`` when all that takes longer than ``timeout_s``.
        """
        deadline = time.monotonic() + timeout_s
        payload = bytes(ROUND_TRIP_BYTES)
        took_s = []
        for _ in range(NUM_ROUND_TRIPS + 1):
            began = time.perf_counter()
            ray.get(source.echo.remote(payload), timeout=_left(deadline))
            took_s.append(time.perf_counter() - began)
        # Both ways are opened by their first use.
        _fetch_s(source, FIRST_FETCHED_BYTES, deadline)
        return {
            "round_trip_s": statistics.median(took_s[1:]),
            "bytes_per_s": FETCHED_BYTES / _fetch_s(source, FETCHED_BYTES, deadline),
        }


def _fetch_s(source: Any, num_bytes: int, deadline: float) -> float:
    reference = source.make.remote(num_bytes)
    # It has been made then, and its way here has not begun.
    ray.wait([reference], timeout=_left(deadline), fetch_local=False)
    began = time.perf_counter()
    ray.get(reference, timeout=_left(deadline))
    return time.perf_counter() - began


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())
