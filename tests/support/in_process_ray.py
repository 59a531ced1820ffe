"""The parts of Ray that the JobManager, its sessions and its LayerActors use, in this process.

Everything above is real. A node has actors; if it is lost, they are lost too, and their pending
calls fail as in Ray. Nothing is copied on its way, and nothing runs out.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
import ray

from actors.core.progress.snapshot_cadence import Boundary
from orchestrator.devices.placement import Node
from orchestrator.sessions import session_watch, stage_group
from orchestrator.sessions.members import liveness
from orchestrator.sessions.starting.start_watch import Look

GATEWAY_IP = "10.0.0.1"
FIRST_PORT = 5001
_remote: Any = ray.remote
GROUP = "__ray_concurrency_group__"


class Reference(Future[Any]):
    """The result of ``remote``; the first outcome counts."""

    def __init__(self) -> None:
        super().__init__()
        self._outcome_lock = threading.Lock()

    def future(self) -> Reference:
        """Settled with this."""
        return self

    def settle(self, value: Any = None, error: BaseException | None = None) -> None:
        with self._outcome_lock:
            if self.done():
                return
            if error is None:
                self.set_result(value)
            else:
                self.set_exception(error)


class Stream:
    """The result of ``remote`` of a streaming method: a reference to each value that it yields.

    One thread reads, others may settle it. The last reference is settled once, with the end or an
    error, and stays.
    """

    def __init__(self) -> None:
        self._references = [Reference()]

    def future(self) -> Reference:
        """Settled with the next value, or with the end."""
        return self._references[0]

    def done(self) -> bool:
        return self.future().done()

    def __next__(self) -> Reference:
        reference = self._references[0]
        if reference.exception() is not None:
            return reference
        if reference.result() is self:
            raise StopIteration
        return self._references.pop(0)

    def add(self, value: Any) -> None:
        last = self._references[-1]
        self._references.append(Reference())  # first, for the reader goes on at once
        last.settle(value)

    def settle(self, value: Any = None, error: BaseException | None = None) -> None:
        """Marks the end; nobody gets ``value``."""
        self._references[-1].settle(self, error)


@dataclass(eq=False)
class Actor:
    """An actor and its handle; ``groups`` are the threads of each concurrency group."""

    actor_class: Any
    arguments: Sequence[Any]
    node_id: str
    name: str
    groups: Mapping[str, int]
    is_alive: bool = True
    _instance: Any = None
    _pending: set[Reference | Stream] = field(default_factory=set)
    _pools: dict[str, ThreadPoolExecutor] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __getattr__(self, method: str) -> Any:
        if method.startswith("_"):
            raise AttributeError(method)
        return SimpleNamespace(
            remote=lambda *arguments: self._call(method, arguments, Reference()),
            options=lambda num_returns, **_: SimpleNamespace(
                remote=lambda *arguments: self._call(method, arguments, Stream())
            ),
        )

    def end(self) -> None:
        """Nobody hears of it any more; its loop, should it run one, comes to an end."""
        with self._lock:
            self.is_alive = False
            pending = list(self._pending)
        for reference in pending:
            reference.settle(error=ray.exceptions.ActorDiedError())
        if self._instance is not None and hasattr(self._instance, "abort"):
            self._instance.stop(Boundary.STEP)
            self._instance.abort()

    def join(self) -> None:
        """Waits until none of its threads is left."""
        for pool in self._pools.values():
            pool.shutdown(wait=True)

    def _call(
        self, method: str, arguments: Sequence[Any], reference: Reference | Stream
    ) -> Reference | Stream:
        group = getattr(getattr(self.actor_class, method, None), GROUP, "")
        with self._lock:
            if not self.is_alive:
                reference.settle(error=ray.exceptions.ActorDiedError())
                return reference
            if self._instance is None:
                self._instance = self.actor_class(*self.arguments)
            if group not in self._pools:
                threads = self.groups.get(group, 1)
                self._pools[group] = ThreadPoolExecutor(threads, f"{self.name}-{group}")
            self._pending.add(reference)
            self._pools[group].submit(self._run, reference, method, arguments)
        return reference

    def _run(self, reference: Reference | Stream, method: str, arguments: Sequence[Any]) -> None:
        try:
            if self.is_alive:
                given = [a.result() if isinstance(a, Reference) else a for a in arguments]
                value = getattr(self._instance, method)(*given)
                if isinstance(reference, Stream):
                    for item in value:
                        reference.add(item)
                reference.settle(value)
        except BaseException as error:
            reference.settle(error=_task_error(method, error))
        finally:
            with self._lock:
                self._pending.discard(reference)


@dataclass
class InProcessRay:
    """Nodes by their place, each a device; ``current`` is the actor that asks for itself."""

    num_nodes: int
    lost: set[int] = field(default_factory=set)
    actors: list[Actor] = field(default_factory=list)
    current: Any = None

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Replaces Ray in this process; afterwards none of its threads is left."""
        with pytest.MonkeyPatch.context() as patch:
            for name in ("get", "put", "wait", "kill", "nodes", "remote", "get_runtime_context"):
                patch.setattr(ray, name, getattr(self, name))
            patch.setattr(ray, "is_initialized", lambda: True)
            patch.setattr(ray.experimental, "get_object_locations", lambda refs, timeout_ms: {})
            patch.setattr(stage_group, "_remote", self.remote)
            patch.setattr(liveness, "is_listening", lambda ip, port, timeout_s: True)
            patch.setattr(stage_group, "ask_node", self._ask_node)
            patch.setattr(liveness, "start_probe", self._probe)
            patch.setattr(session_watch, "count_kills", lambda node: None)
            try:
                yield
            finally:
                for actor in self.actors:
                    actor.end()
                for actor in self.actors:
                    actor.join()

    def lose(self, node: int) -> None:
        """Loses the node with all its actors."""
        self.lost.add(node)
        self.end_actors(lambda actor: actor.node_id == node_id_of(node))

    def end_actors(self, chosen: Callable[[Actor], bool] = lambda actor: True) -> None:
        """Those that are chosen and live."""
        for actor in self.actors:
            if actor.is_alive and chosen(actor):
                actor.end()

    def bring_back(self, node: int) -> None:
        """Brings the node back without its actors."""
        self.lost.discard(node)

    # Called in Ray's place

    def get(self, what: Any, timeout: float | None = None) -> Any:
        if isinstance(what, Reference):
            return self.get([what], timeout)[0]
        wait(what, timeout)
        if not all(reference.done() for reference in what):
            raise ray.exceptions.GetTimeoutError(f"not within {timeout} s")
        return [reference.result() for reference in what]

    def put(self, value: Any) -> Reference:
        reference = Reference()
        reference.settle(value)
        return reference

    def wait(
        self,
        references: Sequence[Reference | Stream],
        num_returns: int = 1,
        timeout: float | None = None,
        fetch_local: bool = True,
    ) -> tuple[list[Reference | Stream], list[Reference | Stream]]:
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            done = [r for r in references if r.done()][:num_returns]
            left = None if deadline is None else deadline - time.monotonic()
            if len(done) == num_returns or (left is not None and left <= 0):
                return done, [r for r in references if r not in done]
            wait([r.future() for r in references if not r.done()], left, FIRST_COMPLETED)

    def kill(self, actor: Actor, no_restart: bool = True) -> None:
        actor.end()

    def nodes(self) -> list[dict[str, Any]]:
        return [
            {
                "NodeID": node_id_of(node),
                "NodeManagerAddress": GATEWAY_IP,
                "NodeManagerPort": FIRST_PORT + node,
                "NodeManagerHostname": f"device-{node}",
                "Resources": {"CPU": 1.0, "object_store_memory": 1e9},
                "Alive": node not in self.lost,
            }
            for node in range(self.num_nodes)
        ]

    def get_runtime_context(self) -> Any:
        node_id = node_id_of(0)
        return SimpleNamespace(
            get_node_id=lambda: node_id,
            gcs_address=f"{GATEWAY_IP}:6379",
            current_actor=self.current,
        )

    def remote(self, what: Any = None, **options: Any) -> Any:
        """``ray.remote(f)`` for a task of ours, ``ray.remote(C)`` and
        ``ray.remote(concurrency_groups=…)(C)`` for an actor; modules of Ray's that are only now
        imported get Ray's own."""
        if "concurrency_groups" in options:
            return lambda actor_class: _ActorClass(self, actor_class, **options)
        if "max_calls" in options:
            return self.remote
        if isinstance(what, type) and what.__module__.startswith(("actors.", "orchestrator.")):
            return _ActorClass(self, what, {})
        if getattr(what, "__module__", "").startswith(("actors.", "orchestrator.")):
            return SimpleNamespace(options=lambda num_returns=1, **_: _Task(what, num_returns))
        return _remote(**options) if what is None else _remote(what)

    def _probe(self, node_id: str) -> Future[dict[str, Any]]:
        probe: Future[dict[str, Any]] = Future()
        if node_id in {node_id_of(node) for node in self.lost}:
            probe.set_exception(ray.exceptions.ActorUnschedulableError("the node is gone"))
        else:
            probe.set_result({})
        return probe

    def _ask_node(self, node: Node, actors: Sequence[Actor]) -> Future[Look]:
        """No actor has a process of its own."""
        answer: Future[Look] = Future()
        answer.set_result(Look(reached=True))
        return answer


@dataclass(frozen=True)
class _Task:
    """Runs where it is called."""

    function: Callable[..., Any]
    num_returns: int

    def remote(self, *arguments: Any) -> Reference | list[Reference]:
        """As Ray: one reference if there is one value."""
        references = self._run(arguments)
        return references[0] if self.num_returns == 1 else references

    def _run(self, arguments: Sequence[Any]) -> list[Reference]:
        references = [Reference() for _ in range(self.num_returns)]
        try:
            given = [a.result() if isinstance(a, Reference) else a for a in arguments]
            values = self.function(*given)
            values = (values,) if self.num_returns == 1 else values
        except Exception as error:
            for reference in references:
                reference.settle(error=_task_error(self.function.__name__, error))
            return references
        for reference, value in zip(references, values, strict=True):
            reference.settle(value)
        return references


@dataclass(frozen=True)
class _ActorClass:
    ray: InProcessRay
    actor_class: Any
    concurrency_groups: Mapping[str, int]
    taken: Mapping[str, Any] = field(default_factory=dict)

    def options(self, **options: Any) -> _ActorClass:
        return replace(self, taken=options)

    def remote(self, *arguments: Any) -> Actor:
        node_id, name = self.taken["scheduling_strategy"].node_id, self.taken["name"]
        actor = Actor(self.actor_class, arguments, node_id, name, self.concurrency_groups)
        self.ray.actors.append(actor)
        if node_id in {node_id_of(node) for node in self.ray.lost}:
            actor.end()
        return actor


def node_id_of(node: int) -> str:
    """The id of a node by its place; Ray wants 28 bytes."""
    return f"{node:056x}"


def _task_error(method: str, error: BaseException) -> BaseException:
    words = "".join(traceback.format_exception(error))
    found = ray.exceptions.RayTaskError(method, words, error, proctitle="-", pid=1, ip=GATEWAY_IP)
    return found.as_instanceof_cause()
