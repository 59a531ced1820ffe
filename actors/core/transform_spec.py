"""A transform as a job asks for it. Needs no PyTorch: it travels with what a model is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from actors.core.fields import Argument


@dataclass(frozen=True)
class TransformSpec:
    """Its kind, and every argument as checked."""

    kind: str
    arguments: tuple[tuple[str, Argument], ...] = ()

    @property
    def keywords(self) -> dict[str, Any]:
        """The arguments by their names."""
        return dict(self.arguments)


@dataclass(frozen=True)
class Draws:
    """What random transforms depend on beside the sample: the job's seed, and the epoch since the
    weights were drawn."""

    seed: int
    epoch: int
