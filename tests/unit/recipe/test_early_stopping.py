from __future__ import annotations

from typing import Any

import pytest

from actors.core.errors import InvalidRequest
from actors.core.recipe.early_stopping import (
    FIELDS,
    EarlyStopping,
    Standing,
    parse_early_stopping,
)


def rounds_until_the_end(stopping: EarlyStopping, values: list[float | None]) -> int | None:
    standing = Standing()
    for number, value in enumerate(values, start=1):
        standing = stopping.after(standing, value)
        if stopping.ends(standing):
            return number
    return None


@pytest.mark.parametrize(
    ("stopping", "values", "ends"),
    [
        (EarlyStopping("loss", "min", 2, 0.0), [3.0, 2.0, 2.0, 1.0, 1.0, 1.5], 6),
        (EarlyStopping("loss", "min", 2, 0.0), [3.0, 2.0, 1.0, 0.5], None),
        (EarlyStopping("accuracy", "max", 1, 0.0), [0.5, 0.6, 0.6], 3),
        (EarlyStopping("accuracy", "max", 1, 0.1), [0.5, 0.55], 2),
        (EarlyStopping("loss", "min", 2, 0.5), [3.0, 2.8, 2.4, 2.3, 2.2], 5),
        (EarlyStopping("r2", "max", 2, 0.0), [None, None], 2),
        (EarlyStopping("loss", "min", 2, 0.0), [float("nan"), 1.0, float("inf"), 2.0], 4),
    ],
)
def test_it_ends_after_so_many_validations_without_a_gain(
    stopping: EarlyStopping, values: list[float | None], ends: int | None
) -> None:
    assert rounds_until_the_end(stopping, values) == ends


def test_a_metric_may_have_its_name_of_the_history() -> None:
    found = parse_early_stopping("early_stopping", {"metric": "val_loss", "patience": 4})
    assert found == EarlyStopping("loss", "min", 4, 0.0)
    assert parse_early_stopping("early_stopping", None) is None


def test_each_field_is_refused_by_its_name() -> None:
    wrong: tuple[Any, ...] = (float("nan"), -1, 10**400, True, [], {}, "")
    for name, field in FIELDS.items():
        for value in wrong:
            with pytest.raises(InvalidRequest, match=rf"^early_stopping\.{name} is "):
                parse_early_stopping("early_stopping", {name: value})
        assert field.says
    for given in ("loss", 3, []):
        with pytest.raises(InvalidRequest, match=r"^early_stopping is "):
            parse_early_stopping("early_stopping", given)
    with pytest.raises(InvalidRequest, match=r"early_stopping\.metrics is no argument"):
        parse_early_stopping("early_stopping", {"metrics": "loss"})


def test_a_metric_says_itself_which_way_is_better() -> None:
    for metric, mode in (
        ("loss", "min"),
        ("val_accuracy", "max"),
        ("mae", "min"),
        ("r2", "max"),
        ("perplexity", "min"),
    ):
        stopping = parse_early_stopping("early_stopping", {"metric": metric})
        assert stopping is not None and stopping.mode == mode
    asked = parse_early_stopping("early_stopping", {"metric": "accuracy", "mode": "min"})
    assert asked is not None and asked.mode == "min"
