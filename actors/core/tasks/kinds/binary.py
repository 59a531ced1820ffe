"""Yes or no: cross-entropy of one logit, with 1 for yes."""

from __future__ import annotations

import torch
from torch.nn import functional

from actors.core.model.model_spec import TensorSpec
from actors.core.tasks.registry import TaskKind, add_task


def _outputs(targets: TensorSpec, num_classes: int | None) -> TensorSpec:
    if targets != TensorSpec((), "int64") or num_classes != 2:
        raise ValueError("one of two classes for each sample, 0 or 1")
    return TensorSpec((1,))


def _loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    logits = outputs.view_as(targets)
    return functional.binary_cross_entropy_with_logits(logits, targets.to(logits.dtype))


def _score(
    outputs: torch.Tensor, targets: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return outputs, targets.view_as(outputs), outputs > 0


def _predictions(outputs: torch.Tensor) -> dict[str, torch.Tensor]:
    probabilities = outputs.sigmoid().flatten()
    return {"classes": (outputs.flatten() > 0).to(torch.int64), "probabilities": probabilities}


add_task(
    TaskKind(
        "binary",
        "one of two classes, from one logit; binary cross-entropy",
        "labels",
        outputs=_outputs,
        targets=lambda outputs: TensorSpec((), "int64"),
        loss=_loss,
        score=_score,
        predictions=_predictions,
    )
)
