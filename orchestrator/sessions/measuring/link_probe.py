"""Finds out whether two nodes reach each other, by small tasks on the nodes themselves.

Its code travels with it: a device needs Python and Ray, and nothing from Tandem.
"""

from __future__ import annotations

import functools
import socket
import sys
from concurrent import futures
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from orchestrator.devices.placement import Node

CONNECT_TIMEOUT_S = 1.0
ANSWER_TIMEOUT_S = 4.0  # a node without an idle worker process has to start one

ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])


def can_connect(ip: str, port: int, timeout_s: float) -> bool:
    """Runs on the device: the standard library only."""
    try:
        with socket.create_connection((ip, port), timeout=timeout_s):
            return True
    except OSError:
        return False


def reach_each_other(one: Node, other: Node) -> bool:
    """Both ways, within ``ANSWER_TIMEOUT_S``."""
    probes = [_start(one, other), _start(other, one)]
    done, late = futures.wait(probes, timeout=ANSWER_TIMEOUT_S)
    return not late and all(p.exception() is None and p.result() for p in done)


def _start(here: Node, there: Node) -> futures.Future[bool]:
    strategy = NodeAffinitySchedulingStrategy(here.node_id, soft=False)
    reference = (
        _task()
        .options(scheduling_strategy=strategy)
        .remote(there.ip, there.port, CONNECT_TIMEOUT_S)
    )
    future: futures.Future[bool] = reference.future()
    return future


@functools.cache
def _task() -> Any:
    """Made once: Ray keeps the code of each one until the job ends."""
    return ray.remote(num_cpus=0, max_retries=0)(can_connect)
