"""The description that a stage gets: frozen, picklable, decided elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field

from actors.core.model.facts import BlockFacts, model_facts
from actors.core.model.model_spec import ModelSpec, TensorSpec
from actors.core.progress.session_length import SessionLength
from actors.core.progress.snapshots import Cursor
from actors.core.recipe.recipe import PLAIN_SGD, Recipe
from actors.core.sources.views import SampleViews
from actors.core.tasks.task_spec import CLASSIFICATION, TaskSpec


@dataclass(frozen=True)
class StageSpec:
    """One stage: blocks ``[start, end)`` of the model, stage ``index`` of ``num_stages``; ``facts``
    are its blocks' own."""

    model: ModelSpec
    index: int
    num_stages: int
    start: int
    end: int
    facts: tuple[BlockFacts, ...]

    @classmethod
    def of(cls, model: ModelSpec, index: int, num_stages: int, start: int, end: int) -> StageSpec:
        """With its blocks' facts."""
        return cls(model, index, num_stages, start, end, model_facts(model)[start:end])

    @property
    def is_first(self) -> bool:
        return self.index == 0

    @property
    def is_last(self) -> bool:
        return self.index == self.num_stages - 1

    @property
    def inputs(self) -> TensorSpec:
        """One sample that enters the stage."""
        return self.model.inputs if self.is_first else self.facts[0].inputs

    @property
    def outputs(self) -> TensorSpec:
        """One sample that leaves the stage."""
        return self.facts[-1].outputs


@dataclass(frozen=True)
class SessionSpec:
    """One training session, the same for every stage of the group.

    ``start`` is where this generation begins; 0 unless the session goes on. ``first_epoch_index``
    counts the epochs begun since the weights were drawn, so that a second session shuffles on where
    the first one ended. ``max_lost_steps`` bounds the steps that the loss of one stage costs; None
    stands for about a second's worth. ``batch_size`` and ``num_microbatches`` are those of a step;
    ``batch_size`` may exceed ``num_train``, and the last batch of an epoch may be smaller.
    ``threads`` is the stage's own (intra-op) count. ``views`` describe how samples lie in the
    session's arrays.
    """

    generation: int
    epochs: int
    batch_size: int
    val_batch_size: int
    num_train: int
    num_val: int
    views: SampleViews
    num_microbatches: int = 1
    schedule: str = "1f1b"
    threads: int = 1
    shuffle: bool = True
    seed: int = 0
    first_epoch_index: int = 0
    channel_timeout_s: float = 60.0
    recipe: Recipe = PLAIN_SGD
    start: Cursor = field(default_factory=Cursor)
    max_lost_steps: int | None = None
    task: TaskSpec = CLASSIFICATION
    max_steps: int | None = None

    @property
    def num_steps(self) -> int:
        """Optimiser steps in one whole epoch."""
        return -(-self.num_train // self.batch_size)

    @property
    def length(self) -> SessionLength:
        """The number of its steps."""
        return SessionLength(self.num_steps, self.epochs, self.max_steps)

    def learning_rate(self, at: Cursor) -> float:
        """The rate of the step that begins there."""
        return self.recipe.rate(self.length.at(at.epoch, at.step), self.length.total)

    @property
    def max_rows(self) -> int:
        """Rows of the largest message: a training microbatch or a validation chunk."""
        batch = min(self.batch_size, self.num_train)
        return max(-(-batch // self.num_microbatches), min(self.val_batch_size, self.num_val))


@dataclass(frozen=True)
class StageLabels:
    """What a stage's figures and log lines are labelled with."""

    job_id: str
    generation: int
    device_id: int
