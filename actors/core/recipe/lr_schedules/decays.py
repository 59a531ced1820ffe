"""Schedules that begin with the recipe's learning rate and only go down."""

import math

from actors.core.fields import count, number
from actors.core.recipe.lr_schedule import LrScheduleKind, When, add_lr_schedule


def _constant(rate: float, when: When) -> float:
    return rate


def _linear(rate: float, when: When, end_factor: float) -> float:
    return rate * (1.0 + (end_factor - 1.0) * min(when.step, when.total) / when.total)


def _cosine(rate: float, when: When, eta_min: float) -> float:
    angle = math.pi * min(when.step, when.total) / when.total
    return eta_min + (rate - eta_min) * (1.0 + math.cos(angle)) / 2.0


def _step(rate: float, when: When, step_size: int, gamma: float) -> float:
    return float(rate * gamma ** (when.step // step_size))


def _exponential(rate: float, when: When, gamma: float) -> float:
    return float(rate * gamma**when.step)


GAMMA = number(0.0, 1.0, above=True)

add_lr_schedule(LrScheduleKind("constant", "the same rate in every step", _constant))
add_lr_schedule(
    LrScheduleKind(
        "linear",
        "falls in a line to end_factor times the rate",
        _linear,
        {"end_factor": number(0.0, 1.0, 0.0)},
    )
)
add_lr_schedule(
    LrScheduleKind(
        "cosine",
        "falls along half a cosine to eta_min",
        _cosine,
        {"eta_min": number(0.0, 1000.0, 0.0)},
    )
)
add_lr_schedule(
    LrScheduleKind(
        "step",
        "multiplies by gamma after every step_size steps",
        _step,
        {"step_size": count(1, 10**9), "gamma": number(0.0, 1.0, 0.1, above=True)},
    )
)
add_lr_schedule(
    LrScheduleKind(
        "exponential", "multiplies by gamma after every step", _exponential, {"gamma": GAMMA}
    )
)
