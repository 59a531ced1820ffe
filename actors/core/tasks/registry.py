"""The tasks and metrics there are: two tables that new ones enter, one entry each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch

from actors.core.fields import Field
from actors.core.model.model_spec import TensorSpec

ANSWERS = ("classes", "tokens", "labels", "numbers")
"""The kinds of answers: one of several classes, the next token at each position, yes or no for each
label, numbers."""


@dataclass(frozen=True)
class Scored:
    """The part of a validation chunk that counts, without masked values.

    ``outputs`` and ``targets`` have a row for each sample (for each token if tokens are predicted):
    ``[n, classes]`` and int64 ``[n]``, or both ``[n, numbers]``. ``predicted`` should equal the
    targets: it is the most probable class, yes or no for a label, or the numbers themselves.
    ``loss`` is the mean over ``count``.
    """

    outputs: torch.Tensor
    targets: torch.Tensor
    predicted: torch.Tensor
    loss: float
    count: int


@dataclass(frozen=True)
class TaskKind:
    """A kind of task.

    ``answer`` is one of ``ANSWERS``, and decides the metrics. ``outputs`` gives the form of a
    sample's output, from one sample of the targets and the number of classes (None if there are
    none). For data that the task can't use, it raises ``ValueError`` with what the task needs.
    ``targets`` is one sample of the targets for such outputs.

    ``loss`` takes a batch of outputs, one of targets and the arguments by their names, and
    ``label_smoothing`` if it ``smooths``; it returns the mean over ``count(targets)``, which is not
    0. ``score`` picks outputs, targets and predictions for ``Scored``. ``predictions`` turns
    a batch of outputs into a person's answer, by names: a tensor each, with a row a sample.
    """

    name: str
    says: str
    answer: str
    outputs: Callable[[TensorSpec, int | None], TensorSpec]
    targets: Callable[[TensorSpec], TensorSpec]
    loss: Callable[..., torch.Tensor]
    score: Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor, torch.Tensor]]
    predictions: Callable[[torch.Tensor], dict[str, torch.Tensor]]
    count: Callable[[torch.Tensor], int] = torch.Tensor.numel
    fields: Mapping[str, Field] = field(default_factory=dict)
    smooths: bool = False


@dataclass(frozen=True)
class MetricKind:
    """A metric.

    ``answers`` are those of ``ANSWERS`` for which it exists; ``fits`` says whether it means
    anything for a sample's outputs. ``sums`` of all chunks are added up, in float64, where whole
    numbers stay exact; ``value`` turns the totals into the metric, NaN or infinite if it has no
    value.
    """

    name: str
    says: str
    answers: tuple[str, ...]
    sums: Callable[[Scored], torch.Tensor]
    value: Callable[[torch.Tensor], float]
    fits: Callable[[TensorSpec], bool] = lambda outputs: True
    larger_is_better: bool = True


TASKS: dict[str, TaskKind] = {}
"""By name. The modules of ``actors.core.tasks.kinds``, and code from outside, add to it."""
METRICS: dict[str, MetricKind] = {}
"""By name, in the order in which they are shown; filled by ``actors.core.tasks.metrics``."""


def add_task(kind: TaskKind) -> None:
    """Makes a task known by its name; a name is taken once."""
    assert kind.name not in TASKS, f"there is a task {kind.name} already"
    assert kind.answer in ANSWERS, kind.answer
    TASKS[kind.name] = kind


def add_metric(kind: MetricKind) -> None:
    """Makes a metric known by its name; a name is taken once, and ``loss`` is every task's."""
    assert kind.name not in METRICS and kind.name != "loss", (
        f"there is a metric {kind.name} already"
    )
    METRICS[kind.name] = kind
