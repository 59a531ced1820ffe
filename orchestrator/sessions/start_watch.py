"""Finds the device whose start would be waited for in vain: what is frozen answers nobody, and a
LayerActor that still imports can't be pinged. So its node is asked how the process is.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Sequence
from concurrent import futures
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from orchestrator.embedded_nodes import is_listening
from orchestrator.placement import Node

LOOK_AFTER_S = 2.0
"""Most waits are over by then, and a look takes from what is waited for."""
LOOK_INTERVAL_S = 0.5
CONNECT_TIMEOUT_S = 1.0
UNREACHED_S = 4.0
"""As long as a device that trains may be silent."""
NODE_TIMEOUT_S = 15.0
"""A node may have to start a worker process for a look, and to fetch Tandem's code first."""
IN_A_ROW = 2
"""A single look may meet a debugger."""

UNREACHED = "is not reached any more: is it switched off, asleep or unplugged?"
SILENT = f"has not answered for {NODE_TIMEOUT_S:.0f} s: is it asleep, or overloaded?"
FROZEN = "has a frozen LayerActor: a signal stopped its process"

ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])


# On the device


def is_stopped(pid: int) -> bool:
    """Whether a signal has stopped that process."""
    import psutil

    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    except psutil.Error:  # gone, which Ray tells, or not ours to look at
        return False


# At the JobManager


class StartStuck(Exception):
    """The device of this stage will not come to the end of its start; ``why`` follows its name."""

    def __init__(self, stage: int, why: str) -> None:
        super().__init__(f"stage {stage} {why}")
        self.stage = stage
        self.why = why


@dataclass
class _Sight:
    """A stage's look that is under way, in how many in a row its process was stopped, and since
    when its node was not reached."""

    look: Future[bool] | None = None
    since_s: float = 0.0
    stopped: int = 0
    unreached_since_s: float | None = None


class StartWatch:
    """Of one group of LayerActors; ``nodes`` are by stage, and ``ask`` starts a look at one."""

    def __init__(
        self,
        nodes: Sequence[Node],
        ask: Callable[[int], Future[bool]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._nodes = nodes
        self._ask = ask
        self._clock = clock
        self._sights = [_Sight() for _ in nodes]

    def wait(self, ends: Sequence[Future[Any]], timeout_s: float) -> None:
        """Returns when all have ended, one has failed or the time is over.

        Raises ``StartStuck`` when any device of the group is lost meanwhile.
        """
        began_s = self._clock()
        pending = set(ends)
        while pending:
            spent_s = self._clock() - began_s
            patience_s = max(0.0, min(LOOK_INTERVAL_S, timeout_s - spent_s))
            done, pending = futures.wait(pending, patience_s, futures.FIRST_COMPLETED)
            if spent_s >= timeout_s or any(end.exception() is not None for end in done):
                return
            if pending and spent_s >= LOOK_AFTER_S:
                self.look()

    def look(self) -> None:
        """Takes what earlier looks found and starts the next; raises ``StartStuck``."""
        for stage in range(len(self._nodes)):
            why = self._trouble(stage)
            if why is not None:
                raise StartStuck(stage, why)

    def _trouble(self, stage: int) -> str | None:
        node, sight = self._nodes[stage], self._sights[stage]
        reached = is_listening(node.ip, node.port, CONNECT_TIMEOUT_S)
        if reached:
            sight.unreached_since_s = None
        elif sight.unreached_since_s is None:
            sight.unreached_since_s = self._clock()
        elif self._clock() - sight.unreached_since_s >= UNREACHED_S:
            return UNREACHED
        if sight.look is not None and sight.look.done():
            found = sight.look.exception() is None and sight.look.result()
            sight.stopped = sight.stopped + 1 if found else 0
            sight.look = None
        if sight.stopped >= IN_A_ROW:
            return FROZEN
        if sight.look is None and reached:
            sight.look, sight.since_s = self._ask(stage), self._clock()
        is_late = sight.look is not None and self._clock() - sight.since_s > NODE_TIMEOUT_S
        return SILENT if is_late else None


@functools.cache
def _task() -> Any:
    """Made once: Ray keeps the code of each one until the job ends."""
    return ray.remote(num_cpus=0, max_retries=0)(is_stopped)


def ask_node(node_id: str, actor: Any) -> Future[bool]:
    """Whether the actor's process is stopped, told by its node; returns at once."""
    from ray._private.state import actors

    # Ray's table knows the process before the actor has started, and the actor itself after.
    pid = actors(actor._actor_id.hex()).get("Pid") or 0
    strategy = NodeAffinitySchedulingStrategy(node_id, soft=False)
    future: Future[bool] = _task().options(scheduling_strategy=strategy).remote(pid).future()
    return future
