"""Examines the nodes of a cluster: an actor on each for the time of a checkup."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from orchestrator.doctor.checkup import Examiner
from orchestrator.doctor.facts import CheckedNode, Clock, Examined, HostFacts, Link
from orchestrator.doctor.links import measure_links, plan_links
from orchestrator.sessions.recovery.group_failure import cause_text

# Ends of the parts of a checkup, seconds after its start. The gateway waits 30 s for the whole.
EXAMINED_AFTER_S = 11.0  # a worker process has to start there, then connections may time out
CONNECTED_AFTER_S = 15.0
LINKS_AFTER_S = 20.0
ACCELERATORS_AFTER_S = 26.0  # torch is imported there
CLOCK_CALL_TIMEOUT_S = 1.0
NUM_CLOCK_CALLS = 5
MAX_CONCURRENCY = 4  # a link that hangs keeps no other call waiting
MAX_CAUSE_CHARS = 300


@dataclass(frozen=True)
class Examination:
    """Every live node, and the links between those that answered."""

    nodes: Sequence[Examined]
    links: Sequence[Link]


def examine_cluster(nodes: Sequence[CheckedNode], own: str) -> Examination:
    """Takes at most ``ACCELERATORS_AFTER_S``; ``own`` is the name of the JobManager's node.

    If a node is slow, frozen or cut off, the result says so, and the rest goes on.
    """
    began = time.monotonic()
    actors = {node.name: _start_examiner(node.node.node_id) for node in nodes}
    try:
        examined = _examine(actors, nodes, began + EXAMINED_AFTER_S)
        examined = _connect(actors, examined, began + CONNECTED_AFTER_S)
        names = [node.name for node in examined if node.error is None]
        clocks = {name: _read_clock(actors[name]) for name in names}
        pairs = plan_links(names, own)
        links = list(measure_links(actors, pairs, began + LINKS_AFTER_S))
        torch = {name: actors[name].accelerators.remote() for name in names}
        seen = _answers(torch, began + ACCELERATORS_AFTER_S)
    finally:
        for actor in actors.values():
            ray.kill(actor)
    whole = [_complete(node, clocks.get(node.name), seen.get(node.name)) for node in examined]
    return Examination(whole, links)


@functools.cache
def _actor_class() -> Any:
    """Made once: Ray keeps the code of each one until the job ends."""
    return ray.remote(Examiner)


def _start_examiner(node_id: str) -> Any:
    strategy = NodeAffinitySchedulingStrategy(node_id, soft=False)
    options = _actor_class().options(
        num_cpus=0,
        max_restarts=0,
        max_concurrency=MAX_CONCURRENCY,
        scheduling_strategy=strategy,
    )
    return options.remote()


def _examine(
    actors: Mapping[str, Any], nodes: Sequence[CheckedNode], deadline: float
) -> list[Examined]:
    ports = {n.name: [(n.node.ip, port) for port in n.ports.values()] for n in nodes}
    asked = {}
    for node in nodes:
        targets = [t for name, own in ports.items() if name != node.name for t in own]
        asked[node.name] = actors[node.name].examine.remote(node.temp_dir, targets)
    answers = _answers(asked, deadline)
    return [_examined(node, answers.get(node.name)) for node in nodes]


def _connect(
    actors: Mapping[str, Any], nodes: Sequence[Examined], deadline: float
) -> list[Examined]:
    """Whether the nodes that answered let each other in at ports that the kernel picks, as channels
    by gloo want it."""
    ips = {node.name: node.checked.node.ip for node in nodes if node.error is None}
    asked = {name: actors[name].listen.remote(ip) for name, ip in ips.items()}
    told = {n: t for n, t in _answers(asked, deadline).items() if isinstance(t, tuple)}
    targets = {name: (ips[name], port) for name, (port, _) in told.items()}
    tried = {
        name: actors[name].connect.remote([t for n, t in targets.items() if n != name])
        for name in ips
    }
    refused = {n: r for n, r in _answers(tried, deadline).items() if isinstance(r, dict)}
    return [_connected(node, told, targets, refused.get(node.name, {})) for node in nodes]


def _connected(
    node: Examined,
    told: Mapping[str, tuple[int, str]],
    targets: Mapping[str, tuple[str, int]],
    refused: Mapping[tuple[str, int], str],
) -> Examined:
    kept_out = frozenset(name for name, target in targets.items() if target in refused)
    free_ports = told[node.name][1] if node.name in told else None
    return replace(node, kept_out=kept_out, free_ports=free_ports)


def _examined(node: CheckedNode, answer: Any) -> Examined:
    if answer is None:
        told = f"has not answered within {EXAMINED_AFTER_S:.0f} s: it is slow, frozen or cut off; "
        return Examined(node, error=told + "if it stays silent, start Ray there again")
    if isinstance(answer, Exception):
        cause = cause_text(answer)[:MAX_CAUSE_CHARS]
        return Examined(node, error=f"could not be examined: {type(answer).__name__}: {cause}")
    return Examined(node, HostFacts(**answer["host"]), refused=answer["refused"])


def _answers(references: Mapping[str, Any], deadline: float) -> dict[str, Any]:
    """The answers that came by the deadline, by name; one of Ray's errors instead of a value."""
    refs = list(references.values())
    left_s = max(0.0, deadline - time.monotonic())
    if refs:
        ray.wait(refs, num_returns=len(refs), timeout=left_s)
    answers = {name: _answer(reference) for name, reference in references.items()}
    return {name: answer for name, answer in answers.items() if answer is not None}


def _answer(reference: Any) -> Any:
    try:
        return ray.get(reference, timeout=0)
    except ray.exceptions.GetTimeoutError:
        return None
    except ray.exceptions.RayError as error:
        return error


def _read_clock(actor: Any) -> Clock | None:
    """Uses the fastest of several calls: it read the clock at about its middle."""
    readings = []
    for _ in range(NUM_CLOCK_CALLS):
        asked_s, began = time.time(), time.perf_counter()
        try:
            there_s = ray.get(actor.clock.remote(), timeout=CLOCK_CALL_TIMEOUT_S)
        except ray.exceptions.RayError:
            break
        half_s = (time.perf_counter() - began) / 2
        readings.append(Clock(there_s - (asked_s + half_s), half_s))
    return min(readings, key=lambda reading: reading.within_s, default=None)


def _complete(node: Examined, clock: Clock | None, accelerators: Any) -> Examined:
    seen = tuple(accelerators) if isinstance(accelerators, list) else None
    return replace(node, clock=clock, accelerators=seen)
