"""Stochastic gradient descent, with momentum or without."""

from collections.abc import Mapping
from typing import Any

import torch
from torch.optim.sgd import sgd

from actors.core.fields import flag, number
from actors.core.recipe.optimizer import OptimizerKind, Slot, Update, add_optimizer

MOMENTUM = Slot("momentum", fill=None)


def _slots(arguments: Mapping[str, Any]) -> tuple[Slot, ...]:
    return (MOMENTUM,) if arguments["momentum"] else ()


def _update(step: Update) -> None:
    buffers = step.kept.get(MOMENTUM.name, [None] * len(step.parameters))
    sgd(
        step.parameters,
        step.gradients,
        buffers,
        foreach=False,
        lr=step.learning_rate,
        maximize=False,
        **step.arguments,
    )


def _objection(arguments: Mapping[str, Any]) -> str | None:
    if arguments["nesterov"] and (not arguments["momentum"] or arguments["dampening"]):
        return "nesterov needs a momentum above 0 and a dampening of 0: set them, or leave it out"
    return None


add_optimizer(
    OptimizerKind(
        "SGD",
        "stochastic gradient descent",
        0.1,
        {
            "momentum": number(0.0, 1.0, 0.0, below=True),
            "dampening": number(0.0, 1.0, 0.0),
            "weight_decay": number(0.0, 1000.0, 0.0),
            "nesterov": flag(False),
        },
        _slots,
        _update,
        torch.optim.SGD,
        _objection,
    )
)
