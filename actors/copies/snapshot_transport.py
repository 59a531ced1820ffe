"""Moves snapshots between actors as numpy arrays, which Ray carries without pickling them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import ray
import torch

from actors.core.errors import ChannelClosed, ChannelTimeout
from actors.core.patience import patience_s
from actors.core.progress.records import Untold
from actors.core.progress.snapshots import Cursor, StageSnapshot, Tensors

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

    @property
    def num_bytes(self) -> int:
        """The bytes of its arrays."""
        return sum(a.nbytes for a in (*self.weights.values(), *self.optimizer.values()))


@dataclass(frozen=True)
class SentSnapshot:
    """A reference to a ``PackedSnapshot``.

    Ray would hold back later messages and polls to an actor until a call's arguments have arrived.
    It leaves a reference within another object alone.
    """

    reference: Any
    num_bytes: int


def pack(snapshot: StageSnapshot) -> PackedSnapshot:
    """Views of the same memory: snapshots are never written to."""
    weights, optimizer = _arrays(snapshot.weights), _arrays(snapshot.optimizer)
    return PackedSnapshot(
        snapshot.start, snapshot.end, snapshot.cursor, weights, optimizer, snapshot.untold
    )


def unpack(packed: PackedSnapshot) -> StageSnapshot:
    """In memory of its own, because Ray's results belong to its object store."""
    weights, optimizer = _tensors(packed.weights), _tensors(packed.optimizer)
    return StageSnapshot(packed.start, packed.end, packed.cursor, weights, optimizer, packed.untold)


def send(snapshot: StageSnapshot) -> SentSnapshot:
    """Returns when Ray has taken over the tensors."""
    packed = pack(snapshot)
    return SentSnapshot(ray.put(packed), packed.num_bytes)


def fetch(sent: SentSnapshot) -> StageSnapshot:
    """Waits as long as its bytes may take."""
    packed: PackedSnapshot = ray.get(sent.reference, timeout=patience_s(sent.num_bytes))
    return unpack(packed)


class _Copy:
    """A copy on its way since ``begin_s``; ``reference`` is ready when it has arrived."""

    def __init__(self, reference: Any, num_bytes: int, begin_s: float) -> None:
        self.reference = reference
        self.num_bytes = num_bytes
        self.took_s: float | None = None
        self._begin_s = begin_s
        reference.future().add_done_callback(self._arrived)

    def _arrived(self, _: Any) -> None:
        self.took_s = time.monotonic() - self._begin_s


class ActorCopier:
    """Hands each snapshot to ``keeper.keep_copy(group, sent)``, an actor's method.

    ``group`` names the generation, so that a copy of an earlier one is never taken for one of this.
    """

    def __init__(self, keeper: Any, group: str) -> None:
        self._keeper = keeper
        self._group = group
        self._last: _Copy | None = None

    def send(self, snapshot: StageSnapshot) -> None:
        """Returns when Ray has taken over the tensors."""
        begin_s = time.monotonic()
        sent = send(snapshot)
        reference = self._keeper.keep_copy.remote(self._group, sent)
        self._last = _Copy(reference, sent.num_bytes, begin_s)

    def copied_s(self) -> float | None:
        """The seconds of the last copy; also None before the first one."""
        return None if self._last is None else self._last.took_s

    def wait(self, timeout_s: float) -> None:
        """``timeout_s`` is that of a message; the time for the bytes is added. Raises
        ``ChannelTimeout`` or ``ChannelClosed``."""
        if self._last is None:
            return
        patience = patience_s(self._last.num_bytes, timeout_s)
        try:
            ray.get(self._last.reference, timeout=patience)
        except ray.exceptions.GetTimeoutError as error:
            raise ChannelTimeout(
                f"the copy of a snapshot was not taken within {patience:.1f} s"
            ) from error
        except ray.exceptions.RayTaskError as error:
            raise ChannelClosed(
                "the neighbour that keeps this stage's snapshots could not take one "
                f"({error.cause})"
            ) from error
        except ray.exceptions.RayError as error:
            raise ChannelClosed(
                f"the neighbour that keeps this stage's snapshots is gone ({error})"
            ) from error


def _arrays(tensors: Tensors) -> Arrays:
    return {name: tensor.numpy() for name, tensor in tensors.items()}


def _tensors(arrays: Arrays) -> Tensors:
    return {name: torch.tensor(array) for name, array in arrays.items()}
