"""Tasks, with outputs and targets that fit them."""

from __future__ import annotations

import torch

from actors.core.model.model_spec import TensorSpec
from actors.core.sources.source_facts import SourceFacts
from actors.core.sources.views import SampleView, SampleViews
from actors.core.tasks.task_spec import CLASSIFICATION, TaskSpec

PIXELS = TensorSpec((1, 8, 8))
REGRESSION = TaskSpec("regression", (("loss", "mse"), ("delta", 1.0)))
BINARY = TaskSpec("binary")
MULTILABEL = TaskSpec("multilabel")
NEXT_TOKEN = TaskSpec("next_token")
EXAMPLES = [CLASSIFICATION, REGRESSION, BINARY, MULTILABEL, NEXT_TOKEN]


def data_for(
    targets: TensorSpec, num_classes: int | None, task: str, inputs: TensorSpec = PIXELS
) -> SourceFacts:
    """The data of a source with such targets."""
    views = SampleViews(SampleView(inputs), SampleView(targets))
    return SourceFacts("example", views, num_classes, 100, 20, task)


def example(task: TaskSpec, rows: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch of outputs and one of targets: 8 classes, 3 numbers or labels, 5 places of text, the
    first of which is masked in every other sample."""
    generator = torch.Generator().manual_seed(seed)

    def numbers(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    def whole(maximum: int, *shape: int) -> torch.Tensor:
        return torch.randint(0, maximum, shape, generator=generator)

    if task.kind == "classification":
        return numbers(rows, 8), whole(8, rows)
    if task.kind == "regression":
        return numbers(rows, 3), numbers(rows, 3)
    if task.kind == "binary":
        return numbers(rows, 1), whole(2, rows)
    if task.kind == "multilabel":
        return numbers(rows, 3), whole(2, rows, 3)
    targets = whole(8, rows, 5)
    targets[::2, 0] = -100
    return numbers(rows, 5, 8), targets
