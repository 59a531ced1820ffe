"""Brings a session's data to the stages that need it, by no way that may be cut."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

import ray

from actors.core.patience import patience_s
from orchestrator.data.stored_objects import located, stored_bytes
from orchestrator.data.stored_splits import StoredDataset
from orchestrator.sessions.recovery.group_failure import GroupFailure
from orchestrator.sessions.stage_group import StageGroup, StagePlacement
from orchestrator.sessions.starting.arrivals import NotArrived

INPUTS = ("train_inputs", "val_inputs")
TARGETS = ("train_targets", "val_targets")
ORDER = ("train_inputs", "train_targets", "val_inputs", "val_targets")


class DataDelivery:
    """Serves one session in all its generations. It runs where the JobManager runs, because every
    device reaches that node."""

    def __init__(self, stored: StoredDataset) -> None:
        self.stored = stored
        self._own_node = ray.get_runtime_context().get_node_id()
        self._num_bytes = stored_bytes(getattr(stored, name) for name in ORDER)

    def give(self, group: StageGroup, given_up: Callable[[], bool]) -> None:
        """Returns when every stage has its data. A slow link may take its time, but a device that
        stops answering is lost: raises ``GroupFailure``, ``GivenUp``."""
        references = [self._references(p) for p in group.placements]
        loads = {
            stage: actor.load.remote(
                references[stage], self.stored.reading, patience_s(self._num_bytes)
            )
            for stage, actor in enumerate(group.actors)
        }
        try:
            group.arrived(loads, self._num_bytes, given_up)
        except NotArrived as error:
            text = f"{group.placements[error.stage].label} {error.why}, and its data did not arrive"
            raise GroupFailure(text, can_recover=True) from error

    def _references(self, placement: StagePlacement) -> list[Any]:
        """Inputs for the first stage, targets for the last; see ``LayerActor.load``."""
        needed = (INPUTS if placement.spec.is_first else ()) + (
            TARGETS if placement.spec.is_last else ()
        )
        self._make_reachable(needed, placement.resolved.node.node_id)
        return [getattr(self.stored, name) if name in needed else None for name in ORDER]

    def _make_reachable(self, names: Collection[str], node_id: str) -> None:
        """Ray fetches an object from any node that has it, even from one that is cut off, and tries
        the next node only after ten seconds. So if others have an object and this node lacks it, it
        is put here again: a new object is nowhere else."""
        refs = list(dict.fromkeys(getattr(self.stored, name) for name in names))
        if not refs:
            return
        where = located(refs)
        for ref in refs:
            holders = set(where.get(ref, {}).get("node_ids", ()))
            if node_id not in holders and holders - {self._own_node}:
                anew: Any = ray.put(ray.get(ref, timeout=patience_s(self._num_bytes)))
                places = [name for name in ORDER if getattr(self.stored, name) == ref]
                self.stored = replace(self.stored, **dict.fromkeys(places, anew))
