"""RMSprop: divides each step by the root of a running mean of squared gradients."""

from collections.abc import Mapping
from typing import Any

import torch
from torch.optim.rmsprop import rmsprop

from actors.core.fields import flag, number
from actors.core.recipe.optimizer import STEP, OptimizerKind, Slot, Update, add_optimizer

SQUARE, MEAN, MOMENTUM = Slot("square_avg"), Slot("grad_avg"), Slot("momentum_buffer")


def _slots(arguments: Mapping[str, Any]) -> tuple[Slot, ...]:
    means = (MEAN,) if arguments["centered"] else ()
    momenta = (MOMENTUM,) if arguments["momentum"] else ()
    return (SQUARE, *means, *momenta, STEP)


def _update(step: Update) -> None:
    rmsprop(
        step.parameters,
        step.gradients,
        step.kept[SQUARE.name],
        step.kept.get(MEAN.name, []),
        step.kept.get(MOMENTUM.name, []),
        step.kept[STEP.name],
        foreach=False,
        lr=step.learning_rate,
        **step.arguments,
    )


add_optimizer(
    OptimizerKind(
        "RMSprop",
        "divides each step by the root of a running mean of squared gradients",
        1e-2,
        {
            "alpha": number(0.0, 1.0, 0.99),
            "eps": number(0.0, 1.0, 1e-8),
            "weight_decay": number(0.0, 1000.0, 0.0),
            "momentum": number(0.0, 1.0, 0.0, below=True),
            "centered": flag(False),
        },
        _slots,
        _update,
        torch.optim.RMSprop,
    )
)
