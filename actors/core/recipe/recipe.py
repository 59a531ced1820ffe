"""A recipe: parsed once, the same for every stage, and known before the model is split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from actors.core.errors import InvalidRequest
from actors.core.fields import (
    Field,
    check_fields,
    choice,
    count,
    number,
    optional,
    path,
    shown_value,
    texts,
)
from actors.core.recipe.early_stopping import EarlyStopping, parse_early_stopping
from actors.core.recipe.kind_spec import KindSpec, RegisteredKind, parse_kind
from actors.core.recipe.lr_schedule import LR_SCHEDULES, rate_at
from actors.core.recipe.optimizer import OPTIMIZERS, num_copies
from actors.core.recipe.precision import FP32, PRECISIONS
from actors.core.recipe.wire_format import WIRES

SGD, MOMENTUM, STOPPING = "SGD", "momentum", "early_stopping"


@dataclass(frozen=True)
class Recipe:
    """Everything that decides an update, besides the gradients of its samples."""

    learning_rate: float
    optimizer: KindSpec
    lr_schedule: KindSpec
    label_smoothing: float
    clip_grad_value: float | None = None
    clip_grad_norm: float | None = None
    accumulate: int = 1
    freeze: tuple[str, ...] = ()
    eval_every: int | None = None
    early_stopping: EarlyStopping | None = None
    precision: str = FP32
    wire: str = FP32

    @property
    def memory(self) -> tuple[int, int, tuple[str, ...], str, str]:
        """The part that decides a stage's memory: if it is equal in two recipes, both fit or
        neither."""
        copies = num_copies(self.optimizer)
        return copies, self.accumulate, self.freeze, self.precision, self.wire

    def rate(self, step: int, num_steps: int) -> float:
        """The learning rate of a session's step (from 0) of ``num_steps``."""
        return rate_at(self.lr_schedule, self.learning_rate, step, num_steps)


KINDS: Mapping[str, tuple[Mapping[str, RegisteredKind], str]] = {
    "optimizer": (OPTIMIZERS, SGD),
    "lr_schedule": (LR_SCHEDULES, "constant"),
}
"""Fields given by a name or by an object with its arguments, with their registry and default."""
RECIPE_FIELDS: dict[str, Field] = {
    "learning_rate": optional(number(0.0, 1000.0, above=True)),
    MOMENTUM: optional(number(0.0, 1.0, below=True)),
    "label_smoothing": number(0.0, 1.0, 0.0),
    "clip_grad_value": optional(number(0.0, 1e9, above=True)),
    "clip_grad_norm": optional(number(0.0, 1e9, above=True)),
    "accumulate": count(1, 1024, 1),
    "freeze": texts(100, 200),
    "precision": choice(PRECISIONS, FP32),
    "wire": choice(WIRES, FP32),
    "eval_every": optional(count(1, 10**9)),
}
"""All other fields."""


def parse_recipe(given: Mapping[str, Any], where: str = "") -> Recipe:
    """``given`` are a train_config's fields that a recipe has, ``where`` is what they are fields
    of. Raises ``InvalidRequest``."""
    stopping = parse_early_stopping(path(where, STOPPING), given.get(STOPPING))
    plain = {n: value for n, value in given.items() if n not in KINDS and n != STOPPING}
    values = check_fields(where, "train_config", RECIPE_FIELDS, plain)
    momentum = values.pop(MOMENTUM)
    named = given if momentum is None else _with_momentum(given, where, momentum)
    specs = {
        name: parse_kind(path(where, name), kinds, named.get(name, default))
        for name, (kinds, default) in KINDS.items()
    }
    if values["learning_rate"] is None:
        values["learning_rate"] = OPTIMIZERS[specs["optimizer"].kind].learning_rate
    return Recipe(
        optimizer=specs["optimizer"],
        lr_schedule=specs["lr_schedule"],
        early_stopping=stopping,
        **values,
    )


def check_known_kinds(recipe: Recipe) -> None:
    """Raises ``InvalidRequest`` for a kind that is in no registry."""
    for name, (kinds, _) in KINDS.items():
        kind = getattr(recipe, name).kind
        if kind not in kinds:
            raise InvalidRequest(f"there is no {name} {kind} here")


def recipe_json(recipe: Recipe) -> dict[str, Any]:
    """Every value, fit for ``parse_recipe``."""
    return {name: _value_json(value) for name, value in vars(recipe).items()}


def _value_json(value: Any) -> Any:
    if isinstance(value, EarlyStopping):
        return dict(vars(value))
    return value.as_json() if isinstance(value, KindSpec) else value


def _with_momentum(given: Mapping[str, Any], where: str, momentum: float) -> dict[str, Any]:
    """``momentum`` alone is short for that of SGD."""
    optimizer = given.get("optimizer", SGD)
    arguments = optimizer if isinstance(optimizer, Mapping) else {"type": optimizer}
    name = path(where, MOMENTUM)
    if arguments.get("type") != SGD:
        raise InvalidRequest(
            f"{name} is short for the momentum of SGD, but the optimizer is "
            f"{shown_value(arguments.get('type'))}: leave {name} out"
        )
    if MOMENTUM in arguments:
        raise InvalidRequest(
            f"{name} is given beside {path(where, 'optimizer')}.momentum: leave one of them out"
        )
    return {**given, "optimizer": {**arguments, MOMENTUM: momentum}}


PLAIN_SGD = parse_recipe({})
"""The recipe of an empty train_config."""
