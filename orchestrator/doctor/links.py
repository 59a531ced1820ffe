"""Chooses the links between nodes that matter, and measures how fast Ray carries data over them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import ray

from orchestrator.doctor.facts import NO_TIME, Link
from orchestrator.sessions.recovery.group_failure import cause_text

ALL_PAIRS_UP_TO = 4  # nodes; beyond, pairs grow with the square and their time with them
LINK_TIMEOUT_S = 5.0  # 16 MB take 1.3 s by 100 Mbit/s, and 4 s by a poor Wi-Fi
ANSWER_MARGIN_S = 1.0  # for the answer to come back that a link timed out


def plan_links(names: Sequence[str], own: str) -> list[tuple[str, str]]:
    """(from, to): both ways between ``own`` and each other node, first; then, among few nodes, all
    other pairs."""
    others = [name for name in names if name != own]
    if len(names) == len(others):  # the JobManager's node gave no answer
        pairs = []
    else:
        pairs = [pair for name in others for pair in ((own, name), (name, own))]
    if len(names) <= ALL_PAIRS_UP_TO:
        pairs += [(a, b) for a in others for b in others if a != b]
    return pairs


def measure_links(
    examiners: Mapping[str, Any], pairs: Sequence[tuple[str, str]], deadline: float
) -> Iterator[Link]:
    """Measures one link after the other, so that none disturbs another. If the deadline, of
    ``time.monotonic``, leaves no time for a link, it counts as not measured."""
    for source, target in pairs:
        timeout_s = min(LINK_TIMEOUT_S, deadline - time.monotonic() - ANSWER_MARGIN_S)
        if timeout_s <= 0:
            yield Link(source, target, error=NO_TIME)
        else:
            yield _measure(examiners, source, target, timeout_s)


def _measure(examiners: Mapping[str, Any], source: str, target: str, timeout_s: float) -> Link:
    reference = examiners[target].measure.remote(examiners[source], timeout_s)
    try:
        measured = ray.get(reference, timeout=timeout_s + ANSWER_MARGIN_S)
    except ray.exceptions.GetTimeoutError:  # raised there, too
        return Link(source, target, error=f"Ray did not carry 16 MB there in {timeout_s:.0f} s")
    except ray.exceptions.RayError as error:
        return Link(source, target, error=f"Ray's call failed: {cause_text(error)[:200]}")
    return Link(source, target, **measured)
