"""Detects a device that will never finish starting: what is frozen answers nobody, and a
LayerActor that still imports can't be pinged. So its node is asked how the process is.
"""

from __future__ import annotations

import functools
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent import futures
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from orchestrator.cluster.embedded_nodes import is_listening
from orchestrator.devices.placement import Node

LOOK_AFTER_S = 2.0
"""Most waits are over by then, and a look takes from what is waited for."""
LOOK_INTERVAL_S = 0.5
CONNECT_TIMEOUT_S = 1.0
UNREACHED_S = 4.0
"""The same silence that is allowed to a device that trains."""
SILENT_SHARE = 0.5
"""The share of the time that a start may take. A busy node takes long to start a worker process
that looks, and may have to fetch Tandem's code first."""
LEAST_SILENT_S = 15.0
IN_A_ROW = 2
"""A single look may meet a debugger."""
ANSWER_TIMEOUT_S = 600.0

UNREACHED = "can't be reached any more: is it switched off, asleep or unplugged?"
SILENT = "does not answer: is it asleep, or overloaded?"
FROZEN = "has a frozen LayerActor: a signal stopped its process"

ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])


# On the device


def are_stopped(pids: Sequence[int]) -> list[bool]:
    """Those of these processes that a signal has stopped."""
    import psutil

    def is_stopped(pid: int) -> bool:
        try:
            return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
        except psutil.Error:  # gone, which Ray reports, or another user's
            return False

    return [is_stopped(pid) for pid in pids]


# At the JobManager


@dataclass(frozen=True)
class Look:
    """Whether a node was reached, and which of its LayerActors were stopped, in their order."""

    reached: bool
    stopped: Sequence[bool] = ()


class StartStuck(Exception):
    """The device of this stage will not come to the end of its start; ``why`` follows its name."""

    def __init__(self, stage: int, why: str) -> None:
        super().__init__(stage, why)
        self.stage = stage
        self.why = why


@dataclass
class _Sight:
    """A node's look that is under way, since when it was not reached, and by stage in how many
    looks in a row the process was stopped."""

    stages: list[int]
    look: Future[Look] | None = None
    asked_s: float = 0.0
    unreached_since_s: float | None = None
    stopped: Counter[int] = field(default_factory=Counter)

    def take(self, look: Look, now_s: float) -> None:
        """Takes a finished look's result."""
        if look.reached:
            self.unreached_since_s = None
        elif self.unreached_since_s is None:
            self.unreached_since_s = now_s
        stopped = {s for s, is_so in zip(self.stages, look.stopped, strict=False) if is_so}
        self.stopped = Counter({stage: self.stopped[stage] + 1 for stage in stopped})

    def trouble(self, now_s: float, silent_s: float) -> tuple[int, str] | None:
        """A stage, and why waiting for it is pointless."""
        for stage, times in self.stopped.items():
            if times >= IN_A_ROW:
                return stage, FROZEN
        since_s = self.unreached_since_s
        if since_s is not None and now_s - since_s >= UNREACHED_S:
            return self.stages[0], UNREACHED
        if self.look is not None and now_s - self.asked_s >= silent_s:
            return self.stages[0], SILENT
        return None


class StartWatch:
    """Watches one group of LayerActors, with their Ray nodes by stage. ``ask`` starts a look at the
    given stages of a node, and returns at once."""

    def __init__(
        self,
        nodes: Sequence[Node],
        ask: Callable[[Node, Sequence[int]], Future[Look]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._nodes = {node.node_id: node for node in nodes}
        self._stages: dict[str, list[int]] = {node_id: [] for node_id in self._nodes}
        for stage, node in enumerate(nodes):
            self._stages[node.node_id].append(stage)
        self._ask = ask
        self._clock = clock
        self._silent_s = LEAST_SILENT_S
        self._sights: dict[str, _Sight] = {}

    def wait(self, ends: Sequence[Future[Any]], timeout_s: float) -> None:
        """Returns when all calls have ended, one has failed, or the time is over.

        Raises ``StartStuck`` if any device of the group is lost in the meantime.
        """
        self.begin(timeout_s)
        began_s, pending = self._clock(), set(ends)
        while pending:
            spent_s = self._clock() - began_s
            patience_s = max(0.0, min(LOOK_INTERVAL_S, timeout_s - spent_s))
            done, pending = futures.wait(pending, patience_s, futures.FIRST_COMPLETED)
            if spent_s >= timeout_s or any(end.exception() is not None for end in done):
                return
            if pending and spent_s >= LOOK_AFTER_S:
                self.look()

    def begin(self, timeout_s: float) -> None:
        """Forgets what an earlier wait has seen."""
        self._silent_s = max(LEAST_SILENT_S, SILENT_SHARE * timeout_s)
        self._sights = {node_id: _Sight(stages) for node_id, stages in self._stages.items()}

    def look(self) -> None:
        """Takes what earlier looks found and starts the next; raises ``StartStuck``."""
        for node_id, sight in self._sights.items():
            now_s = self._clock()
            if sight.look is not None and sight.look.done():
                if sight.look.exception() is None:  # otherwise it says nothing
                    sight.take(sight.look.result(), now_s)
                sight.look = None
            trouble = sight.trouble(now_s, self._silent_s)
            if trouble is not None:
                raise StartStuck(*trouble)
            if sight.look is None:
                sight.look, sight.asked_s = self._ask(self._nodes[node_id], sight.stages), now_s


@functools.cache
def _task() -> Any:
    """Made once: Ray keeps the code of each one until the job ends."""
    return ray.remote(num_cpus=0, max_retries=0)(are_stopped)


def ask_node(node: Node, actors: Sequence[Any]) -> Future[Look]:
    """Looks at these LayerActors of a node in a thread of its own, because asking Ray may take
    long."""
    future: Future[Look] = Future()

    def ask() -> None:
        try:
            future.set_result(_look_at(node, actors))
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=ask, name=f"looks at {node.node_id[:8]}", daemon=True).start()
    return future


def _look_at(node: Node, actors: Sequence[Any]) -> Look:
    from ray._private import state

    if not is_listening(node.ip, node.port, CONNECT_TIMEOUT_S):
        return Look(reached=False)
    # Ray's table has the process before the actor has started, and the actor itself only after.
    pids = [state.actors(actor._actor_id.hex()).get("Pid") or 0 for actor in actors]
    strategy = NodeAffinitySchedulingStrategy(node.node_id, soft=False)
    answer = _task().options(scheduling_strategy=strategy).remote(pids)
    return Look(True, ray.get(answer, timeout=ANSWER_TIMEOUT_S))
