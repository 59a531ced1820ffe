from __future__ import annotations

import math
from typing import Any

import pytest

from actors.core.errors import InvalidRequest
from actors.core.model.model_spec import TensorSpec
from actors.core.tasks.parse import parse_task, task_json, wanted_outputs
from actors.core.tasks.registry import TASKS
from actors.core.tasks.task_spec import CLASSIFICATION, TaskSpec
from tests.support.tasks import BINARY, MULTILABEL, NEXT_TOKEN, REGRESSION, data_for

CLASSES = data_for(TensorSpec((), "int64"), 10, "classification")
TWO = data_for(TensorSpec((), "int64"), 2, "classification")
NUMBER = data_for(TensorSpec(()), None, "regression")
NUMBERS = data_for(TensorSpec((3,)), None, "regression")
LABELS = data_for(TensorSpec((4,), "int64"), 2, "multilabel")
TOKENS = data_for(TensorSpec((16,), "int64"), 65, "next_token")
NONSENSE: list[Any] = [
    "", "softmax", 3, True, [], ["binary"], {}, {"loss": "mse"}, {"type": None}, {"type": []},
    {"type": "binary "}, {"type": {"type": "binary"}}, math.nan, "x" * 10_000,
]  # fmt: skip


def test_the_task_is_clear_from_the_data_or_named() -> None:
    assert parse_task(None, CLASSES) == CLASSIFICATION
    assert parse_task(None, NUMBER) == parse_task("regression", NUMBER) == REGRESSION
    assert parse_task("binary", TWO) == BINARY
    assert parse_task({"type": "multilabel"}, LABELS) == MULTILABEL
    assert parse_task(None, TOKENS) == NEXT_TOKEN
    huber = parse_task({"type": "regression", "loss": "huber", "delta": 2}, NUMBER)
    assert huber == TaskSpec("regression", (("loss", "huber"), ("delta", 2.0)))
    assert parse_task(task_json(huber), NUMBER) == huber


def test_what_a_model_has_to_give_follows_from_task_and_data() -> None:
    def shape(task: TaskSpec, data: Any) -> tuple[int, ...]:
        return wanted_outputs(task, data).shape

    assert shape(CLASSIFICATION, CLASSES) == (10,) and shape(CLASSIFICATION, TWO) == (2,)
    assert shape(REGRESSION, NUMBER) == (1,) and shape(REGRESSION, NUMBERS) == (3,)
    assert shape(BINARY, TWO) == (1,) and shape(MULTILABEL, LABELS) == (4,)
    assert shape(NEXT_TOKEN, TOKENS) == (16, 65)


def test_a_task_that_does_not_fit_the_data_is_refused_naming_both() -> None:
    data = [CLASSES, TWO, NUMBER, NUMBERS, LABELS, TOKENS]
    fits = {
        "classification": [CLASSES, TWO],
        "regression": [NUMBER, NUMBERS],
        "binary": [TWO],
        "multilabel": [LABELS],
        "next_token": [TOKENS],
    }
    assert fits.keys() == TASKS.keys()
    for name, fitting in fits.items():
        for own in data:
            if own in fitting:
                assert parse_task(name, own).kind == name
                continue
            with pytest.raises(InvalidRequest, match=rf"^task is {name}, .*example.*{own.task}"):
                parse_task(name, own)


def test_what_is_no_task_is_refused_by_its_field() -> None:
    for given in NONSENSE:
        with pytest.raises(InvalidRequest, match=r"^task(\.type)? is .* must be one of") as raised:
            parse_task(given, CLASSES)
        assert "regression" in str(raised.value) and len(str(raised.value)) < 400


def test_arguments_are_checked_by_name_and_value() -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"type": "classification", "loss": "mse"}, "task.loss"),
        ({"type": "regression", "losses": "mse"}, "task.losses"),
        ({"type": "regression", "loss": "cross_entropy"}, "task.loss"),
        ({"type": "regression", "loss": None}, "task.loss"),
        ({"type": "regression", "delta": 0}, "task.delta"),
        ({"type": "regression", "delta": math.nan}, "task.delta"),
        ({"type": "regression", "delta": 1e300}, "task.delta"),
        ({"type": "regression", "delta": 10**400}, "task.delta"),
        ({"type": "regression", "delta": "1"}, "task.delta"),
        ({"type": "regression", "delta": True}, "task.delta"),
    ]
    for given, field in wrong:
        with pytest.raises(InvalidRequest, match=field):
            parse_task(given, CLASSES if given["type"] == "classification" else NUMBER)


def test_labels_are_no_tokens_though_they_look_alike() -> None:
    text = data_for(TensorSpec((4,), "int64"), 2, "next_token")
    for data, task in ((text, "multilabel"), (LABELS, "next_token")):
        with pytest.raises(
            InvalidRequest, match=f"task is {task}, but .* to tell: use {data.task}"
        ):
            parse_task(task, data)
