"""The next token at each place of a text: cross-entropy over the tokens that are not masked."""

from __future__ import annotations

import torch
from torch.nn import functional

from actors.core.model.model_spec import TensorSpec
from actors.core.tasks.registry import TaskKind, add_task

MASKED = -100
"""A target that doesn't count, as in PyTorch's ``ignore_index``."""


def _outputs(targets: TensorSpec, num_classes: int | None) -> TensorSpec:
    if targets.dtype != "int64" or len(targets.shape) != 1 or num_classes is None:
        raise ValueError("a token for each position of a text")
    return TensorSpec((*targets.shape, num_classes))


def _loss(
    outputs: torch.Tensor, targets: torch.Tensor, label_smoothing: float = 0.0
) -> torch.Tensor:
    return functional.cross_entropy(
        outputs.flatten(0, 1),
        targets.flatten(),
        ignore_index=MASKED,
        label_smoothing=label_smoothing,
    )


def _score(
    outputs: torch.Tensor, targets: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    is_told = targets != MASKED
    told = outputs[is_told]
    return told, targets[is_told], told.argmax(dim=1)


def _predictions(outputs: torch.Tensor) -> dict[str, torch.Tensor]:
    """Predicts the token that follows a sample's last one."""
    last = outputs[:, -1]
    return {"tokens": last.argmax(dim=1), "probabilities": last.softmax(dim=1)}


add_task(
    TaskKind(
        "next_token",
        "the next token at each position; cross-entropy over the tokens",
        "tokens",
        outputs=_outputs,
        targets=lambda outputs: TensorSpec(outputs.shape[:1], "int64"),
        loss=_loss,
        score=_score,
        predictions=_predictions,
        count=lambda targets: int((targets != MASKED).sum()),
        smooths=True,
    )
)
