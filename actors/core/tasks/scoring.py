"""The validation loss and metrics, added up chunk by chunk."""

from __future__ import annotations

import math

import torch

from actors.core.model.model_spec import TensorSpec
from actors.core.tasks.loss import Loss
from actors.core.tasks.registry import METRICS, TASKS, MetricKind, Scored
from actors.core.tasks.task_spec import TaskSpec

LOSS = "loss"
"""The metric that every task has."""


def metric_names(task: TaskSpec, outputs: TensorSpec) -> tuple[str, ...]:
    """The metrics of a task whose model gives ``outputs`` for a sample; the loss comes first."""
    return (LOSS, *(metric.name for metric in _metrics(task, outputs)))


class Scores:
    """The scores of one validation. The loss is without label smoothing, so that jobs that smooth
    differently can be compared."""

    def __init__(self, task: TaskSpec) -> None:
        self._task = task
        self._loss = Loss(task)
        self._loss_sum, self._count = 0.0, 0
        self._totals: dict[str, torch.Tensor] = {}

    def add(self, outputs: torch.Tensor, targets: torch.Tensor) -> None:
        """A chunk: both on the same device, a row a sample."""
        count = self._loss.count(targets)
        loss = self._loss(outputs, targets).item()
        self._loss_sum += loss * count
        self._count += count
        scored = Scored(*TASKS[self._task.kind].score(outputs, targets), loss, count)
        for metric in _metrics(self._task, TensorSpec.of(outputs)):
            sums = metric.sums(scored)
            known = self._totals.get(metric.name)
            self._totals[metric.name] = sums if known is None else known + sums

    @property
    def loss(self) -> float:
        """Its mean; 0 where nothing counted."""
        return self._loss_sum / self._count if self._count else 0.0

    def values(self) -> dict[str, float | None]:
        """By name; None for one without a finite value, such as R² of constant targets."""
        found = {name: METRICS[name].value(totals) for name, totals in self._totals.items()}
        return {
            name: value if math.isfinite(value) else None
            for name, value in {LOSS: self.loss, **found}.items()
        }


def _metrics(task: TaskSpec, outputs: TensorSpec) -> list[MetricKind]:
    answer = TASKS[task.kind].answer
    return [m for m in METRICS.values() if answer in m.answers and m.fits(outputs)]
