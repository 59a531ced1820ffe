"""Tries the kinds of channel that an edge may have and takes the quickest, Ray's object store where
another one is not clearly ahead of it."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import ray

from actors.channels.edge_ends import ChannelKind
from actors.channels.messages import message_bytes
from actors.core.model.model_spec import TensorSpec
from actors.core.recipe.precision import FP32
from actors.core.stages.profiles import LinkProfile
from actors.probing.link_trial import TrialSpec, link_profile
from orchestrator.errors import DeviceStartFailed, ProbeFailed
from orchestrator.planning.nominal import nominal_link
from orchestrator.sessions.edges import kinds_of_edge, open_trial
from orchestrator.sessions.recovery.group_failure import cause_text
from orchestrator.sessions.stage_group import StageGroup

TRIAL_TIMEOUT_S = 5.0
ENOUGH = {
    (ChannelKind.NCCL, ChannelKind.SHARED_MEMORY): 1.0,
    (ChannelKind.NCCL, ChannelKind.GLOO): 1.0,
    (ChannelKind.NCCL, ChannelKind.ACTOR_CALLS): 1.0,
    (ChannelKind.SHARED_MEMORY, ChannelKind.GLOO): 0.9,
    (ChannelKind.SHARED_MEMORY, ChannelKind.ACTOR_CALLS): 0.3,
    (ChannelKind.GLOO, ChannelKind.ACTOR_CALLS): 1.0,
}
"""The share of the first kind's time below which the second is taken in its place. Within a node
Ray's object store stays where it is not slower by a tenth; where actor calls are quicker than it,
the host is busy, and a moment's load must not decide."""
SLOW = 4.0
"""A kind is slow if it takes longer than this many times the usual time of actor calls. If a kind
is not slow, actor calls are not tried beside shared memory and gloo."""


@dataclass(frozen=True)
class LinkQuestion:
    """What the messages will be like: ``rows`` samples such as ``sample``, in the precision
    ``wire``."""

    rows: int
    sample: TensorSpec
    wire: str = FP32


def try_links(
    group: StageGroup, edges: Collection[int], question: LinkQuestion, setting: str
) -> dict[int, LinkProfile]:
    """Returns the results by edge, without the edges on which no kind works.

    Edges that share a device are tried one after the other, all others at the same time, as in
    training. Raises ``ProbeFailed`` with the name of a device that was lost in the meantime.
    """
    spec = TrialSpec(question.rows, question.sample, question.wire)
    found: dict[int, LinkProfile] = {}
    for parity in (0, 1):
        kinds = {edge: kinds_of_edge(group, edge, setting) for edge in edges if edge % 2 == parity}
        for attempt in range(max(map(len, kinds.values()), default=0)):
            tried = [
                (edge, of_edge[attempt])
                for edge, of_edge in kinds.items()
                if attempt < len(of_edge)
                and not (_is_last_resort(of_edge, attempt) and _will_do(found.get(edge), spec))
            ]
            for edge, link in _try(group, tried, spec).items() if tried else ():
                if edge not in found or _is_better(link, found[edge], spec):
                    found[edge] = link
    return found


def _is_last_resort(kinds: Sequence[ChannelKind], attempt: int) -> bool:
    """Actor calls within a node."""
    return kinds[attempt] is ChannelKind.ACTOR_CALLS and ChannelKind.SHARED_MEMORY in kinds


def _will_do(found: LinkProfile | None, spec: TrialSpec) -> bool:
    usual = nominal_link(ChannelKind.ACTOR_CALLS.value)
    return found is not None and _seconds(found, spec) <= SLOW * _seconds(usual, spec)


def _is_better(link: LinkProfile, than: LinkProfile, spec: TrialSpec) -> bool:
    enough = ENOUGH[ChannelKind(than.kind), ChannelKind(link.kind)]
    return _seconds(link, spec) < enough * _seconds(than, spec)


def _seconds(link: LinkProfile, spec: TrialSpec) -> float:
    return link.delivery_s(message_bytes(spec.rows, spec.sample, spec.wire))


def _try(
    group: StageGroup, tried: Sequence[tuple[int, ChannelKind]], spec: TrialSpec
) -> dict[int, LinkProfile]:
    num_bytes = message_bytes(spec.rows, spec.sample, spec.wire)
    stages = sorted({stage for edge, _ in tried for stage in (edge, edge + 1)})
    thrown: dict[int, tuple[ChannelKind, Any, Any]] = {}
    try:
        for edge, kind in tried:
            try:
                open_trial(group, edge, kind, num_bytes, TRIAL_TIMEOUT_S)
            except DeviceStartFailed as error:
                raise ProbeFailed(f"{error.message}. Its links were being measured") from error
            except ray.exceptions.RayError as error:
                _check_alive(group, edge, error)
                continue
            there, back = group.actors[edge], group.actors[edge + 1]
            thrown[edge] = kind, there.throw.remote(spec), back.throw_back.remote(spec)
        return _collect(group, thrown, spec)
    finally:
        refs = [group.actors[stage].end_trial.remote() for stage in stages]
        ray.wait(refs, num_returns=len(refs), timeout=TRIAL_TIMEOUT_S)


def _collect(
    group: StageGroup, thrown: dict[int, tuple[ChannelKind, Any, Any]], spec: TrialSpec
) -> dict[int, LinkProfile]:
    deadline, found = time.monotonic() + 2 * TRIAL_TIMEOUT_S, {}
    for edge, (kind, there, back) in thrown.items():
        try:
            left_s = max(0.0, deadline - time.monotonic())
            times, computed = ray.get([there, back], timeout=left_s)
        except ray.exceptions.RayError as error:
            _check_alive(group, edge, error)
            continue
        found[edge] = link_profile(kind.value, spec, times, computed)
    return found


def _check_alive(group: StageGroup, edge: int, error: Exception) -> None:
    """A kind that does not work is no failure, a device that is gone is one."""
    for stage in (edge, edge + 1):
        try:
            ray.get(group.actors[stage].pong.remote(), timeout=TRIAL_TIMEOUT_S)
        except ray.exceptions.RayError as gone:
            text = cause_text(error)[:200]
            raise ProbeFailed(
                f"{group.placements[stage].label} was lost while its links were being "
                f"measured ({text}): start it again, or take it out of the job, and try again"
            ) from gone
