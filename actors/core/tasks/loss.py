"""A task's loss as training computes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from actors.core.tasks.registry import TASKS
from actors.core.tasks.task_spec import TaskSpec


@dataclass(frozen=True, eq=False)
class BatchTargets:
    """The targets of a batch by microbatches, each with its share of what the batch's loss averages
    over, which is ``averaged``: the weighted losses sum to the batch's mean."""

    targets: tuple[torch.Tensor, ...] = ()
    weights: tuple[float, ...] = ()
    averaged: int = 0


@dataclass(frozen=True)
class Loss:
    """A mean over what the task averages over: samples, numbers, tokens that are not masked."""

    task: TaskSpec
    label_smoothing: float = 0.0

    def __call__(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The loss of a batch; 0 if nothing counts, and so are its gradients."""
        kind = TASKS[self.task.kind]
        if kind.count(targets) == 0:
            return outputs.sum() * 0.0
        smoothing = {"label_smoothing": self.label_smoothing} if self.label_smoothing else {}
        return kind.loss(outputs, targets, **self.task.keywords, **smoothing)

    def count(self, targets: torch.Tensor) -> int:
        """Over how many the loss of a batch averages."""
        return TASKS[self.task.kind].count(targets)

    def weighed(self, microbatches: Sequence[torch.Tensor]) -> BatchTargets:
        """The targets of a batch's microbatches, on any device."""
        counts = [self.count(targets) for targets in microbatches]
        total = sum(counts)
        weights = tuple(count / total if total else 0.0 for count in counts)
        return BatchTargets(tuple(microbatches), weights, total)
