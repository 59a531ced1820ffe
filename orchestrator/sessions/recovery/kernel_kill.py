"""Finds out whether the kernel has ended a LayerActor for lack of memory: the kernel does not say
so, but counts."""

from __future__ import annotations

import functools
from concurrent import futures
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from actors.host import host_limits
from actors.host.host_limits import kernel_kills
from actors.loop.reports import KernelKills
from orchestrator.cluster.embedded_nodes import is_listening
from orchestrator.devices.placement import Node

CONNECT_TIMEOUT_S = 0.5
ANSWER_TIMEOUT_S = 2.0
"""The next generation waits for it; without an answer the event says nothing about it."""

ray.cloudpickle.register_pickle_by_value(host_limits)


def why_ended(before: KernelKills, now: KernelKills) -> str | None:
    """What happened after the last answer of a process that is gone, in words that follow its name;
    None if the kernel has ended no process for lack of memory."""
    counts = (
        (before.of_groups, now.of_groups, "of its control group"),
        (before.of_host, now.of_host, "on its host"),
    )
    for old, new, where in counts:
        if old is not None and new is not None and new > old:
            processes = "a process" if new == old + 1 else f"{new - old} processes"
            return (
                f"was probably ended by the kernel for want of memory: that has ended {processes} "
                f"{where} since its last answer (oom_kill went from {old} to {new})"
            )
    return None


def count_kills(node: Node) -> KernelKills | None:
    """Asks the node; None where it does not answer soon."""
    if not is_listening(node.ip, node.port, CONNECT_TIMEOUT_S):
        return None
    strategy = NodeAffinitySchedulingStrategy(node.node_id, soft=False)
    asked: futures.Future[tuple[int | None, int | None]] = (
        _task().options(scheduling_strategy=strategy).remote().future()
    )
    futures.wait([asked], ANSWER_TIMEOUT_S)
    return KernelKills(*asked.result()) if asked.done() and asked.exception() is None else None


@functools.cache
def _task() -> Any:
    """Made once: Ray keeps the code of each one until the job ends."""
    return ray.remote(num_cpus=0, max_retries=0)(kernel_kills)
