"""Adagrad: divides each step by the root of the sum of squared gradients so far."""

from collections.abc import Mapping
from typing import Any

import torch
from torch.optim.adagrad import adagrad

from actors.core.fields import number
from actors.core.recipe.optimizer import STEP, OptimizerKind, Slot, Update, add_optimizer

SUM = "sum"
INITIAL = "initial_accumulator_value"


def _slots(arguments: Mapping[str, Any]) -> tuple[Slot, ...]:
    return (Slot(SUM, fill=arguments[INITIAL]), STEP)


def _update(step: Update) -> None:
    arguments = {name: value for name, value in step.arguments.items() if name != INITIAL}
    adagrad(
        step.parameters,
        step.gradients,
        step.kept[SUM],
        step.kept[STEP.name],
        foreach=False,
        fused=False,
        lr=step.learning_rate,
        maximize=False,
        **arguments,
    )


add_optimizer(
    OptimizerKind(
        "Adagrad",
        "divides each step by the root of the sum of squared gradients so far",
        1e-2,
        {
            "lr_decay": number(0.0, 1000.0, 0.0),
            "weight_decay": number(0.0, 1000.0, 0.0),
            INITIAL: number(0.0, 1e6, 0.0),
            "eps": number(0.0, 1.0, 1e-10),
        },
        _slots,
        _update,
        torch.optim.Adagrad,
    )
)
