"""What a session is made of at a step's end: enough to go on from there, on any devices."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

Tensors = dict[str, torch.Tensor]
"""float32 on the CPU, by the parameters' names in the whole network."""


@dataclass(frozen=True)
class Cursor:
    """How far a session is: ``epoch`` whole epochs (validation included), and in the one under way
    ``step`` steps of ``samples`` samples, whose losses times samples sum to ``loss_sum``.

    The order of an epoch's samples follows from the job's seed, so that this is all a resumed
    session needs to use each sample once. ``loss_sum`` is the last stage's; 0 in the others.
    """

    epoch: int = 0
    step: int = 0
    samples: int = 0
    loss_sum: float = 0.0


@dataclass(frozen=True)
class StageSnapshot:
    """Layers ``[start, end)`` at a cursor.

    ``optimizer`` holds what the optimiser keeps of each parameter, under ``<kind>.<name>``
    (``momentum.0.weight``); empty before its first step, and always for plain SGD.
    """

    start: int
    end: int
    cursor: Cursor
    weights: Tensors
    optimizer: Tensors = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingState:
    """All stages at one cursor, in the order of their layers; layers follow without a gap."""

    stages: tuple[StageSnapshot, ...]

    @property
    def cursor(self) -> Cursor:
        """The last stage's, which knows the loss."""
        return self.stages[-1].cursor

    @property
    def weights(self) -> Tensors:
        """Every parameter of the network."""
        return {name: t for stage in self.stages for name, t in stage.weights.items()}

    @property
    def optimizer(self) -> Tensors:
        """Everything that the optimiser keeps."""
        return {name: t for stage in self.stages for name, t in stage.optimizer.items()}
