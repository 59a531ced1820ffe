"""Any number of labels a sample: the mean of a binary cross-entropy of each."""

from __future__ import annotations

import torch
from torch.nn import functional

from actors.core.model.model_spec import TensorSpec
from actors.core.tasks.registry import TaskKind, add_task


def _outputs(targets: TensorSpec, num_classes: int | None) -> TensorSpec:
    if targets.dtype != "int64" or len(targets.shape) != 1 or num_classes != 2:
        raise ValueError("a 0 or 1 for each label")
    return TensorSpec(targets.shape)


def _loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return functional.binary_cross_entropy_with_logits(outputs, targets.to(outputs.dtype))


def _score(
    outputs: torch.Tensor, targets: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return outputs, targets, outputs > 0


def _predictions(outputs: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"labels": (outputs > 0).to(torch.int64), "probabilities": outputs.sigmoid()}


add_task(
    TaskKind(
        "multilabel",
        "any number of labels, from a logit each; the mean binary cross-entropy",
        "labels",
        outputs=_outputs,
        targets=lambda outputs: TensorSpec(outputs.shape, "int64"),
        loss=_loss,
        score=_score,
        predictions=_predictions,
    )
)
