"""Numbers: the mean of a loss of each."""

from __future__ import annotations

import torch
from torch.nn import functional

from actors.core.fields import choice, number
from actors.core.model.model_spec import TensorSpec
from actors.core.tasks.registry import TaskKind, add_task


def _outputs(targets: TensorSpec, num_classes: int | None) -> TensorSpec:
    if targets.dtype != "float32":
        raise ValueError("numbers (float32)")
    return TensorSpec(targets.shape or (1,))


def _loss(outputs: torch.Tensor, targets: torch.Tensor, loss: str, delta: float) -> torch.Tensor:
    """``delta`` is where Huber's loss goes from squares to absolute differences."""
    numbers = outputs.view_as(targets)
    if loss == "mse":
        return functional.mse_loss(numbers, targets)
    if loss == "l1":
        return functional.l1_loss(numbers, targets)
    return functional.huber_loss(numbers, targets, delta=delta)


def _score(
    outputs: torch.Tensor, targets: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    numbers = outputs.flatten(1)
    return numbers, targets.reshape(numbers.shape), numbers


def _predictions(outputs: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"values": outputs}


add_task(
    TaskKind(
        "regression",
        "numbers; the mean squared error, unless another loss is chosen",
        "numbers",
        outputs=_outputs,
        targets=lambda outputs: outputs,
        loss=_loss,
        score=_score,
        predictions=_predictions,
        fields={
            "loss": choice(("mse", "l1", "huber"), "mse"),
            "delta": number(0.0, 1e6, 1.0, above=True),
        },
    )
)
