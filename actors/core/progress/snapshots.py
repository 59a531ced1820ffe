"""A session's state at a step's end: enough to go on from there, on any devices."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum

import torch

from actors.core.model.blocks import state_names
from actors.core.model.model_spec import ModelSpec
from actors.core.progress.records import Untold

Tensors = dict[str, torch.Tensor]
"""Parameters and buffers of any dtype, on the CPU, by their names in the whole model."""


Position = tuple[int, int]
"""Whole epochs of a session, and steps of the epoch under way."""


class Mark(IntEnum):
    """How a step ends: stage 0 decides, and its forward messages carry it to the other stages.

    A ``CHECKPOINT`` is a snapshot that is kept until the next one of its kind.
    """

    NONE = 0
    SNAPSHOT = 1
    CHECKPOINT = 2


@dataclass(frozen=True)
class Cursor:
    """How far a session is: ``epoch`` whole epochs (validation included), and in the current one
    ``step`` steps of ``samples`` samples. Their losses average over ``averaged`` in all (samples,
    or what else the task counts), and sum to ``loss_sum``, each weighted by its count.

    The order of an epoch's samples follows from the job's seed, so this is enough for a resumed
    session to use each sample once. ``best`` and ``stale`` are the state of its early stopping.
    These two, ``loss_sum`` and ``averaged`` are the last stage's; the others do not fill them.
    """

    epoch: int = 0
    step: int = 0
    samples: int = 0
    loss_sum: float = 0.0
    averaged: int = 0
    best: float | None = None
    stale: int = 0

    @property
    def position(self) -> Position:
        """The same in all stages of one state."""
        return self.epoch, self.step

    @property
    def train_loss(self) -> float:
        """The mean of the steps so far; 0 where nothing counted."""
        return self.loss_sum / self.averaged if self.averaged else 0.0

    def after_step(self, samples: int, loss: float, averaged: int) -> Cursor:
        """After one more step of ``samples`` samples; its loss is a mean over ``averaged``."""
        return replace(
            self,
            step=self.step + 1,
            samples=self.samples + samples,
            loss_sum=self.loss_sum + loss * averaged,
            averaged=self.averaged + averaged,
        )

    def next_epoch(self) -> Cursor:
        """At the beginning of the next epoch."""
        return Cursor(self.epoch + 1, best=self.best, stale=self.stale)

    def after_validation(self, best: float | None, stale: int) -> Cursor:
        """With the state of early stopping after a validation."""
        return replace(self, best=best, stale=stale)


@dataclass(frozen=True)
class StageSnapshot:
    """Blocks ``[start, end)`` at a cursor.

    ``optimizer`` holds what the optimiser keeps of each parameter, under ``<slot>.<name>``
    (``momentum.0.weight``); empty before its first step, and always for plain SGD.
    """

    start: int
    end: int
    cursor: Cursor
    weights: Tensors
    optimizer: Tensors = field(default_factory=dict)
    untold: Untold = field(default_factory=Untold)


@dataclass(frozen=True)
class TrainingState:
    """All stages at one cursor, in the order of their blocks, which follow without a gap."""

    stages: tuple[StageSnapshot, ...]

    @property
    def cursor(self) -> Cursor:
        """The last stage's, which knows the loss."""
        return self.stages[-1].cursor

    @property
    def untold(self) -> Untold:
        """The last stage's records that nobody has seen yet."""
        return self.stages[-1].untold

    @property
    def weights(self) -> Tensors:
        """Every parameter and buffer of the model."""
        return {name: t for stage in self.stages for name, t in stage.weights.items()}

    @property
    def optimizer(self) -> Tensors:
        """Everything that the optimiser keeps."""
        return {name: t for stage in self.stages for name, t in stage.optimizer.items()}

    def part(self, model: ModelSpec, start: int, end: int) -> StageSnapshot:
        """Blocks ``[start, end)`` of the model, however they were cut before."""
        own = frozenset[str]().union(*(state_names(model, i) for i in range(start, end)))
        weights = {name: t for name, t in self.weights.items() if name in own}
        kept = {name: t for name, t in self.optimizer.items() if name.partition(".")[2] in own}
        return StageSnapshot(start, end, self.cursor, weights, kept)

    def as_start(self) -> TrainingState:
        """The same weights at the beginning of another session, with an empty optimiser."""
        stages = (StageSnapshot(s.start, s.end, Cursor(), s.weights) for s in self.stages)
        return TrainingState(tuple(stages))
