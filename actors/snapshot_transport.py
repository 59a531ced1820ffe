"""How snapshots travel between actors: as numpy arrays, which Ray moves without pickling them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import ray
import torch

from actors.core.errors import ChannelClosed, ChannelTimeout
from actors.core.records import Untold
from actors.core.snapshots import Cursor, StageSnapshot, Tensors

FETCH_TIMEOUT_S = 60.0
Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class PackedSnapshot:
    """A ``StageSnapshot`` on its way."""

    start: int
    end: int
    cursor: Cursor
    weights: Arrays
    optimizer: Arrays
    untold: Untold


def pack(snapshot: StageSnapshot) -> PackedSnapshot:
    """Views of the same memory: snapshots are never written to."""
    weights, optimizer = _arrays(snapshot.weights), _arrays(snapshot.optimizer)
    return PackedSnapshot(
        snapshot.start, snapshot.end, snapshot.cursor, weights, optimizer, snapshot.untold
    )


def unpack(packed: PackedSnapshot) -> StageSnapshot:
    """In memory of its own: what Ray gives out belongs to its object store."""
    weights, optimizer = _tensors(packed.weights), _tensors(packed.optimizer)
    return StageSnapshot(packed.start, packed.end, packed.cursor, weights, optimizer, packed.untold)


def fetch(reference: Sequence[Any]) -> PackedSnapshot:
    """What ``ActorCopier`` has sent: one reference in a list."""
    (only,) = reference
    packed: PackedSnapshot = ray.get(only, timeout=FETCH_TIMEOUT_S)
    return packed


class ActorCopier:
    """Hands each snapshot to ``keeper.keep_copy(group, [reference])``, an actor's method.

    ``group`` names the generation, so that a copy of an earlier one is never taken for one of this.
    Ray would hold back what is sent to that actor later, messages and pings, until a call's
    arguments have come: hence the reference in a list, which it leaves alone.
    """

    def __init__(self, keeper: Any, group: str) -> None:
        self._keeper = keeper
        self._group = group
        self._pending: Any = None

    def send(self, snapshot: StageSnapshot) -> None:
        """Returns when Ray has taken over the tensors."""
        reference = ray.put(pack(snapshot))
        self._pending = self._keeper.keep_copy.remote(self._group, [reference])

    def wait(self, timeout_s: float) -> None:
        """Raises ``ChannelTimeout`` or ``ChannelClosed``."""
        if self._pending is None:
            return
        try:
            ray.get(self._pending, timeout=timeout_s)
        except ray.exceptions.GetTimeoutError as error:
            raise ChannelTimeout(
                f"the copy of a snapshot was not taken within {timeout_s:.1f} s"
            ) from error
        except ray.exceptions.RayError as error:
            raise ChannelClosed(
                f"whoever keeps this stage's snapshots is gone ({error})"
            ) from error
        self._pending = None


def _arrays(tensors: Tensors) -> Arrays:
    return {name: tensor.numpy() for name, tensor in tensors.items()}


def _tensors(arrays: Arrays) -> Tensors:
    return {name: torch.tensor(array) for name, array in arrays.items()}
