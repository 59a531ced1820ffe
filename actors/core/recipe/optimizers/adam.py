"""Adam, and AdamW, which applies weight decay apart from the gradients."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.optim.adam import adam
from torch.optim.adamw import adamw

from actors.core.fields import Field, flag, number, numbers
from actors.core.recipe.optimizer import STEP, OptimizerKind, Slot, Update, add_optimizer

MEAN, SQUARE, MAX_SQUARE = Slot("exp_avg"), Slot("exp_avg_sq"), Slot("max_exp_avg_sq")


def _slots(arguments: Mapping[str, Any]) -> tuple[Slot, ...]:
    return (MEAN, SQUARE, *((MAX_SQUARE,) if arguments["amsgrad"] else ()), STEP)


def _updating(function: Callable[..., None]) -> Callable[[Update], None]:
    def update(step: Update) -> None:
        arguments = dict(step.arguments)
        beta1, beta2 = arguments.pop("betas")
        function(
            step.parameters,
            step.gradients,
            step.kept[MEAN.name],
            step.kept[SQUARE.name],
            step.kept.get(MAX_SQUARE.name, []),
            step.kept[STEP.name],
            foreach=False,
            fused=False,
            beta1=beta1,
            beta2=beta2,
            lr=step.learning_rate,
            maximize=False,
            **arguments,
        )

    return update


def _fields(weight_decay: float) -> dict[str, Field]:
    return {
        "betas": numbers(2, 0.0, 1.0, (0.9, 0.999), below=True),
        "eps": number(0.0, 1.0, 1e-8),
        "weight_decay": number(0.0, 1000.0, weight_decay),
        "amsgrad": flag(False),
    }


add_optimizer(
    OptimizerKind(
        "Adam",
        "scales each step by running means of gradients and of their squares",
        1e-3,
        _fields(0.0),
        _slots,
        _updating(adam),
        torch.optim.Adam,
    )
)
add_optimizer(
    OptimizerKind(
        "AdamW",
        "Adam with decoupled weight decay",
        1e-3,
        _fields(0.01),
        _slots,
        _updating(adamw),
        torch.optim.AdamW,
    )
)
