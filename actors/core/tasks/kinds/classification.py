"""One of several classes: cross-entropy."""

from __future__ import annotations

import torch
from torch.nn import functional

from actors.core.model.model_spec import TensorSpec
from actors.core.tasks.registry import TaskKind, add_task


def _outputs(targets: TensorSpec, num_classes: int | None) -> TensorSpec:
    if targets != TensorSpec((), "int64") or num_classes is None:
        raise ValueError("one class for each sample")
    return TensorSpec((num_classes,))


def _score(
    outputs: torch.Tensor, targets: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return outputs, targets, outputs.argmax(dim=1)


def _predictions(outputs: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"classes": outputs.argmax(dim=1), "probabilities": outputs.softmax(dim=1)}


add_task(
    TaskKind(
        "classification",
        "one of several classes; cross-entropy",
        "classes",
        outputs=_outputs,
        targets=lambda outputs: TensorSpec((), "int64"),
        loss=functional.cross_entropy,
        score=_score,
        predictions=_predictions,
        count=len,  # a target may be a class, or shares of all classes
        smooths=True,
    )
)
