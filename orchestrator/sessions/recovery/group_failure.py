"""Says why a generation of LayerActors can't go on, and which device the next one leaves out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from actors.core.errors import TandemError, error_text
from orchestrator.connection.out_of_memory import refused, shortage


@dataclass(frozen=True)
class Suspect:
    """A device to leave out for a while; ``peer_id`` is the device that it can't reach, if it works
    otherwise."""

    device_id: int
    peer_id: int | None = None


class GroupFailure(Exception):
    """A generation can't go on. ``can_recover``: another one may, without the ``suspect`` for a
    while."""

    def __init__(self, message: str, can_recover: bool, suspect: Suspect | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.can_recover = can_recover
        self.suspect = suspect


class GivenUp(Exception):
    """The purpose of this generation is no longer wanted."""


@dataclass(frozen=True)
class DeadLink:
    """Between two stages, by their indices; the one that is left out, and the other."""

    dropped: int
    kept: int


def cause_text(error: BaseException) -> str:
    """The essence of one of Ray's errors, in one line."""
    cause = getattr(error, "cause", None) or error
    return out_of_memory(error) or error_text(cause)


def out_of_memory(error: BaseException) -> str | None:
    """How the process ran out of memory, in words that follow its name; None for other errors."""
    cause = getattr(error, "cause", None)
    if cause is None:
        return shortage(str(error))
    if isinstance(cause, TandemError):
        return None
    return refused(f"{type(cause).__name__}: {cause}")


def choose_end(silent: Sequence[tuple[int, int]]) -> DeadLink:
    """Chooses, from the pairs of stages that don't reach each other, the stage to leave out: the
    one with most dead links, and the later of two, so that the data stay where they are."""
    counts = Counter(stage for pair in {tuple(sorted(pair)) for pair in silent} for stage in pair)
    dropped = max(counts, key=lambda stage: (counts[stage], stage))
    pair = next(pair for pair in silent if dropped in pair)
    return DeadLink(dropped, pair[0] if pair[1] == dropped else pair[1])
