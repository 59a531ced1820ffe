"""A train_config's fields: what they become, and how they are refused."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from actors.core.errors import InvalidRequest
from actors.core.recipe.lr_schedule import LR_SCHEDULES
from actors.core.recipe.optimizer import OPTIMIZERS
from actors.core.recipe.recipe import KINDS, RECIPE_FIELDS
from actors.core.recipe.wire_format import WIRES
from http_gateway.schemas.training import Wire
from orchestrator.jobs.train_options import (
    OPTION_FIELDS,
    TrainOptions,
    parse_plan_options,
    parse_train_options,
    train_options_json,
)

WRONG: list[Any] = [
    float("nan"),
    float("inf"),
    -1,
    10**400,
    True,
    "x",
    [],
    [1, 2, 3],
    {},
    {"type": 3},
]
NEEDED: dict[str, dict[str, Any]] = {"step": {"step_size": 3}, "exponential": {"gamma": 0.9}}


def refused(config: Any, request: dict[str, Any] | None = None) -> str:
    with pytest.raises(InvalidRequest) as caught:
        parse_train_options(config, request)
    return str(caught.value)


def test_nothing_is_plain_sgd_for_ten_epochs() -> None:
    for nothing in (None, {}, {"optimizer": None, "momentum": None}):
        assert parse_train_options(nothing) == TrainOptions()
    recipe = TrainOptions().recipe
    assert (recipe.learning_rate, recipe.optimizer.kind) == (0.1, "SGD")
    assert not any(recipe.optimizer.keywords.values())


def test_every_value_survives_its_json() -> None:
    configs: tuple[dict[str, Any], ...] = (
        {},
        {"epochs": 3, "momentum": 0.9, "num_microbatches": "auto", "threads": 2},
        {"optimizer": {"type": "AdamW", "betas": [0.8, 0.9]}, "lr_schedule": "one_cycle"},
        {"lr_schedule": {"type": "step", "step_size": 3, "warmup_steps": 5}, "label_smoothing": 1},
        {"early_stopping": {"metric": "loss"}, "eval_every": 7, "freeze": ["0"], "max_steps": 3},
    )
    for config in configs:
        options = parse_train_options(config)
        assert parse_train_options(train_options_json(options)) == options


@pytest.mark.parametrize(("name", "rate"), [("Adam", 1e-3), ("RMSprop", 1e-2), ("SGD", 0.1)])
def test_a_learning_rate_that_is_left_out_is_the_optimisers(name: str, rate: float) -> None:
    assert parse_train_options({"optimizer": name}).recipe.learning_rate == rate
    config = {"optimizer": name, "learning_rate": 0.5}
    assert parse_train_options(config).recipe.learning_rate == 0.5


def test_a_train_request_overrides_one_field_after_the_other() -> None:
    config = {"epochs": 3, "learning_rate": 0.5, "lr_schedule": "cosine"}
    options = parse_train_options(config, {"epochs": 4, "optimizer": "Adam"})
    assert (options.epochs, options.recipe.learning_rate) == (4, 0.5)
    assert (options.recipe.optimizer.kind, options.recipe.lr_schedule.kind) == ("Adam", "cosine")
    assert parse_train_options(config, {"lr_schedule": None}) == parse_train_options(config)


def test_momentum_is_short_for_that_of_sgd() -> None:
    short = parse_train_options({"momentum": 0.9})
    assert short == parse_train_options({"optimizer": {"type": "SGD", "momentum": 0.9}})
    nesterov = {"optimizer": {"type": "SGD", "momentum": 0.5, "nesterov": True}}
    recipe = parse_train_options(nesterov, {"momentum": 0.9}).recipe
    assert recipe.optimizer.keywords["momentum"] == 0.9 and recipe.optimizer.keywords["nesterov"]
    assert parse_train_options({"momentum": 0.9}, {"optimizer": "Adam"}).recipe.optimizer.kind == (
        "Adam"
    )
    assert refused({"momentum": 0.9, "optimizer": "Adam"}).startswith("train_config.momentum ")
    assert "beside train_config.optimizer" in refused({**nesterov, "momentum": 0.9})


def test_every_field_refuses_what_it_can_not_be_by_its_name() -> None:
    for name, field in {**OPTION_FIELDS, **RECIPE_FIELDS}.items():
        for value in WRONG:
            if (name, value) == ("freeze", []):
                continue
            text = refused({name: value})
            assert text.startswith(f"train_config.{name} is "), text
            assert field.says in text
            assert refused({}, {name: value}).startswith(f"{name} is ")


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_kind_refuses_arguments_by_their_names(name: str) -> None:
    kinds, _ = KINDS[name]
    for value in WRONG:
        assert refused({name: value}).startswith(f"train_config.{name}")
    for kind, entry in kinds.items():
        needed = {"type": kind, **NEEDED.get(kind, {})}
        parse_train_options({name: needed})
        unknown = refused({name: {**needed, "nonsense": 1}})
        assert unknown.startswith(f"train_config.{name}.nonsense is no argument of {kind}")
        for argument, field in entry.fields.items():
            for value in ("x", float("nan"), -1, 10**400, None, {}):
                text = refused({name: {**needed, argument: value}})
                assert text.startswith(f"train_config.{name}.{argument} is ") and field.says in text
            if field.is_required:
                without = {key: v for key, v in needed.items() if key != argument}
                assert f"{name}.{argument} is missing" in refused({name: without})


def test_what_does_not_go_together_or_is_unknown_is_refused() -> None:
    assert "nesterov" in refused({"optimizer": {"type": "SGD", "nesterov": True}})
    assert refused({"epoch": 3}).startswith("train_config.epoch is no argument of train_config")
    assert refused({}, {"epoch": 3}).startswith("epoch is no argument")
    wrong: tuple[Any, ...] = ([], "SGD", 3)
    for config in wrong:
        assert refused(config).startswith("train_config is ")


def test_the_registries_have_what_the_documents_promise() -> None:
    assert set(OPTIMIZERS) == {"SGD", "Adam", "AdamW", "RMSprop", "Adagrad"}
    schedules = {"constant", "linear", "cosine", "step", "one_cycle", "exponential"}
    assert set(LR_SCHEDULES) == schedules


def test_the_wire_of_a_request_overrides_the_jobs_and_an_unknown_one_is_refused_with_the_list() -> (
    None
):
    options = parse_train_options({"wire": "bf16"}, {"wire": "int8"})
    assert options.recipe.wire == train_options_json(options)["wire"] == "int8"
    assert parse_train_options(None).recipe.wire == "fp32"
    assert parse_plan_options({"wire": "bf16"}, {"wire": "int8", "partition": "even"}) == options
    for value in ("auto", "fp16", 8, ["int8"]):
        text = refused({"wire": value})
        assert text == (
            f"train_config.wire is {value!r}, but must be one of 'fp32', 'bf16', 'int8'"
        )
    assert get_args(Wire) == WIRES
