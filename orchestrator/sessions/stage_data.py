"""Brings a session's data to the stages that need it, by no way that may be cut."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

import ray

from orchestrator.datasets import StoredDataset
from orchestrator.sessions.group_failure import GivenUp, GroupFailure, cause_text
from orchestrator.sessions.stage_group import StageGroup, StagePlacement

LOAD_TIMEOUT_S = 600.0
LOCATIONS_TIMEOUT_MS = 5000
IMAGES = ("train_images", "val_images")
LABELS = ("train_labels", "val_labels")
ORDER = ("train_images", "train_labels", "val_images", "val_labels")


class StageData:
    """Of one session, over its generations. It runs where the JobManager does, whose node every
    device reaches."""

    def __init__(self, stored: StoredDataset) -> None:
        self.stored = stored
        self._own_node = ray.get_runtime_context().get_node_id()

    def give(
        self, group: StageGroup, heartbeat_timeout_s: float, given_up: Callable[[], bool]
    ) -> None:
        """Returns when every stage has its data. A slow link takes its time, but a device that
        does not answer meanwhile is lost: raises ``GroupFailure``."""
        pairs = zip(group.actors, group.placements, strict=True)
        loads = [actor.load.remote(self._references(p), LOAD_TIMEOUT_S) for actor, p in pairs]
        deadline = time.monotonic() + LOAD_TIMEOUT_S
        pending = loads
        while pending:
            done, pending = ray.wait(
                pending, num_returns=len(pending), timeout=heartbeat_timeout_s / 4
            )
            for ref in done:
                _check(group.placements[loads.index(ref)], ref)
            if given_up():
                raise GivenUp
            if pending and (silent := group.silent(heartbeat_timeout_s)):
                text = f"{silent[0].label} does not answer any more"
                raise GroupFailure(text, can_recover=True)
            if pending and time.monotonic() > deadline:
                late = group.placements[loads.index(pending[0])]
                text = f"{late.label} did not get its data within {LOAD_TIMEOUT_S:.0f} s"
                raise GroupFailure(text, can_recover=True)

    def _references(self, placement: StagePlacement) -> list[Any]:
        """Images for the first stage, labels for the last; see ``LayerActor.load``."""
        needed = (IMAGES if placement.spec.is_first else ()) + (
            LABELS if placement.spec.is_last else ()
        )
        self._make_reachable(needed, placement.resolved.node.node_id)
        return [getattr(self.stored, name) if name in needed else None for name in ORDER]

    def _make_reachable(self, names: Collection[str], node_id: str) -> None:
        """Ray fetches an object from any node that has it, also from one that is cut off, and
        tries the next one after ten seconds. So what others have got, and this node has not, is
        put there anew: a new object is nowhere else."""
        refs = {name: getattr(self.stored, name) for name in names}
        if not refs:
            return
        where = ray.experimental.get_object_locations(list(refs.values()), LOCATIONS_TIMEOUT_MS)
        for name, ref in refs.items():
            holders = set(where.get(ref, {}).get("node_ids", ()))
            if node_id not in holders and holders - {self._own_node}:
                anew: dict[str, Any] = {name: ray.put(ray.get(ref, timeout=LOAD_TIMEOUT_S))}
                self.stored = replace(self.stored, **anew)


def _check(placement: StagePlacement, ref: Any) -> None:
    try:
        ray.get(ref)
    except ray.exceptions.RayError as error:
        text = f"{placement.label} could not get its data: {cause_text(error)[:300]}"
        raise GroupFailure(text, can_recover=True) from error
