"""A task and a metric that come from outside the packages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from actors.core.fields import number
from actors.core.model.model_spec import TensorSpec
from actors.core.tasks.loss import Loss
from actors.core.tasks.parse import parse_task, wanted_outputs
from actors.core.tasks.registry import (
    METRICS,
    TASKS,
    MetricKind,
    Scored,
    TaskKind,
    add_metric,
    add_task,
)
from actors.core.tasks.scoring import Scores
from tests.support.tasks import data_for

NUMBERS = data_for(TensorSpec((2,)), None, "quantile")


def outputs(targets: TensorSpec, num_classes: int | None) -> TensorSpec:
    if targets.dtype != "float32":
        raise ValueError("numbers")
    return targets


def pinball(outputs: torch.Tensor, targets: torch.Tensor, quantile: float) -> torch.Tensor:
    above = targets - outputs
    return torch.maximum(quantile * above, (quantile - 1) * above).mean()


def share_below(scored: Scored) -> torch.Tensor:
    below = (scored.targets <= scored.outputs).sum()
    return torch.tensor([float(below), scored.targets.numel()], dtype=torch.float64)


@pytest.fixture
def quantile() -> Iterator[None]:
    add_task(
        TaskKind(
            "quantile",
            "a quantile of numbers",
            "numbers",
            outputs=outputs,
            targets=lambda outputs: outputs,
            loss=pinball,
            score=lambda outputs, targets: (outputs, targets, outputs),
            predictions=lambda outputs: {"values": outputs},
            fields={"quantile": number(0.0, 1.0, 0.5)},
        )
    )
    add_metric(
        MetricKind(
            "coverage", "the share below", ("numbers",), share_below, lambda t: float(t[0] / t[1])
        )
    )
    yield
    del TASKS["quantile"], METRICS["coverage"]


def test_a_task_and_a_metric_from_outside_are_used_like_any_other(quantile: None) -> None:
    task = parse_task({"type": "quantile", "quantile": 0.75}, NUMBERS)
    assert wanted_outputs(task, NUMBERS) == TensorSpec((2,))
    given, targets = torch.zeros(2, 2), torch.tensor([[1.0, -1.0], [-2.0, 0.0]])
    assert Loss(task)(given, targets).item() == (0.75 + 0.25 + 0.5) / 4
    scores = Scores(task)
    for row in range(2):
        scores.add(given[row : row + 1], targets[row : row + 1])
    found = scores.values()
    assert list(found) == ["loss", "mae", "r2", "coverage"] and found["coverage"] == 0.75
