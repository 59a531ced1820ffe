"""Parses a job's train_config, and the train request that may override it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from actors.core.errors import InvalidRequest
from actors.core.fields import (
    Field,
    check_fields,
    check_known,
    choice,
    count,
    optional,
    shown_value,
)
from actors.core.recipe.recipe import (
    KINDS,
    PLAIN_SGD,
    RECIPE_FIELDS,
    STOPPING,
    Recipe,
    parse_recipe,
    recipe_json,
)
from actors.core.schedule.schedules import SCHEDULES

TRAIN_CONFIG = "train_config"
AUTO = "auto"
DEFAULT_EPOCHS = 10
MAX_EPOCHS = 100_000
DEFAULT_SCHEDULE = "1f1b"
MAX_MICROBATCHES = 4096


@dataclass(frozen=True)
class TrainOptions:
    """How a session trains. ``num_microbatches`` counts those of a batch (a step may have several
    batches); None means the default rule. ``threads`` None means each device's own number. ``auto``
    leaves the choice to the plan."""

    epochs: int = DEFAULT_EPOCHS
    recipe: Recipe = PLAIN_SGD
    num_microbatches: int | str | None = None
    schedule: str = DEFAULT_SCHEDULE
    threads: int | None = None
    max_steps: int | None = None


DEFAULT_OPTIONS = TrainOptions()


def _auto_or(field: Field) -> Field:
    def check(value: Any) -> Any:
        return AUTO if value == AUTO else field.check(value)

    return Field(check, f'{field.says}, or "{AUTO}"', field.default)


OPTION_FIELDS: dict[str, Field] = {
    "epochs": count(1, MAX_EPOCHS, DEFAULT_EPOCHS),
    "num_microbatches": optional(_auto_or(count(1, MAX_MICROBATCHES))),
    "schedule": choice((*SCHEDULES, AUTO), DEFAULT_SCHEDULE),
    "threads": optional(count(1, 256)),
    "max_steps": optional(count(1, 10**9)),
}
"""The options that are not part of the recipe."""


def parse_train_options(
    config: Mapping[str, Any] | None, request: Mapping[str, Any] | None = None
) -> TrainOptions:
    """``config`` is a job's train_config. The fields of ``request`` override its fields; null
    counts as absent. Raises ``InvalidRequest``, which names ``train_config`` if there is no
    request."""
    where = TRAIN_CONFIG if request is None else ""
    given = _merged(config, request)
    check_known(where, TRAIN_CONFIG, (*OPTION_FIELDS, *RECIPE_FIELDS, *KINDS, STOPPING), given)
    options = {name: given.pop(name) for name in OPTION_FIELDS if name in given}
    if "max_steps" in options:
        options.setdefault("epochs", MAX_EPOCHS)
    recipe = parse_recipe(given, where)
    return TrainOptions(recipe=recipe, **check_fields(where, TRAIN_CONFIG, OPTION_FIELDS, options))


def parse_plan_options(
    config: Mapping[str, Any] | None, request: Mapping[str, Any]
) -> TrainOptions:
    """Like ``parse_train_options``, for a plan request, which has further fields."""
    names = (*OPTION_FIELDS, *RECIPE_FIELDS)
    own = {name: value for name, value in request.items() if name in names}
    return parse_train_options(config, own)


def train_options_json(options: TrainOptions) -> dict[str, Any]:
    """Every value, as a valid train_config."""
    own = {f.name: getattr(options, f.name) for f in fields(options) if f.name != "recipe"}
    return {**own, **recipe_json(options.recipe)}


def _merged(config: Mapping[str, Any] | None, request: Mapping[str, Any] | None) -> dict[str, Any]:
    """``momentum`` is a short form of an SGD ``optimizer``. If the request has either, the config's
    other one does not count."""
    known = _without_null(config)
    override = _without_null(request)
    if "optimizer" in override:
        known.pop("momentum", None)
    optimizer = known.get("optimizer")
    if "momentum" in override and isinstance(optimizer, Mapping):
        known["optimizer"] = {k: v for k, v in optimizer.items() if k != "momentum"}
    return known | override


def _without_null(given: Any) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidRequest(
            f'{TRAIN_CONFIG} is {shown_value(given)}, but must be an object such as {{"epochs": 3}}'
        )
    return {name: value for name, value in given.items() if value is not None}
