from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn import metrics as oracle
from torch.nn import functional

from actors.core.model.model_spec import TensorSpec
from actors.core.tasks.scoring import Scores, metric_names
from actors.core.tasks.task_spec import CLASSIFICATION, TaskSpec
from tests.support.tasks import BINARY, EXAMPLES, MULTILABEL, NEXT_TOKEN, REGRESSION, example

ROWS = 57


def scored(task: TaskSpec, rows: int = ROWS, chunk: int = 10) -> dict[str, float | None]:
    return scores_of(task, *example(task, rows), chunk)


def scores_of(
    task: TaskSpec, outputs: torch.Tensor, targets: torch.Tensor, chunk: int = 10
) -> dict[str, float | None]:
    scores = Scores(task)
    for start in range(0, len(targets), chunk):
        scores.add(outputs[start : start + chunk], targets[start : start + chunk])
    return scores.values()


def test_metrics_have_one_order_and_depend_on_the_task_and_its_outputs() -> None:
    def names(task: TaskSpec, *shape: int) -> tuple[str, ...]:
        return metric_names(task, TensorSpec(shape))

    assert names(CLASSIFICATION, 5) == ("loss", "accuracy")
    assert names(CLASSIFICATION, 6) == ("loss", "accuracy", "top5_accuracy")
    assert names(REGRESSION, 1) == ("loss", "mae", "r2")
    assert names(BINARY, 1) == names(MULTILABEL, 9) == ("loss", "accuracy", "f1")
    assert names(NEXT_TOKEN, 4, 65) == ("loss", "accuracy", "perplexity")


@pytest.mark.parametrize("task", EXAMPLES, ids=lambda task: task.kind)
def test_chunks_of_any_size_tell_the_same(task: TaskSpec) -> None:
    whole = scored(task, chunk=ROWS)
    assert tuple(whole) == metric_names(task, TensorSpec.of(example(task, 1)[0]))
    for chunk in (1, 7, 20):
        assert scored(task, chunk=chunk) == pytest.approx(whole, rel=1e-6)


def test_classes_are_scored_as_scikit_learn_does() -> None:
    outputs, targets = example(CLASSIFICATION, ROWS)
    found = scored(CLASSIFICATION)
    assert found["accuracy"] == oracle.accuracy_score(targets, outputs.argmax(dim=1))
    top5 = oracle.top_k_accuracy_score(targets, outputs.numpy(), k=5, labels=range(8))
    assert found["top5_accuracy"] == top5


def test_numbers_are_scored_as_scikit_learn_does() -> None:
    outputs, targets = (tensor.double().numpy() for tensor in example(REGRESSION, ROWS))
    found = scored(REGRESSION)
    assert found["mae"] == pytest.approx(oracle.mean_absolute_error(targets, outputs))
    assert found["r2"] == pytest.approx(oracle.r2_score(targets, outputs))


def test_labels_are_scored_together_as_scikit_learn_does() -> None:
    for task in (BINARY, MULTILABEL):
        outputs, targets = example(task, ROWS)
        predicted, there = (outputs > 0).flatten().numpy(), targets.flatten().numpy()
        found = scored(task)
        assert found["f1"] == pytest.approx(oracle.f1_score(there, predicted))
        assert found["accuracy"] == pytest.approx(np.mean(predicted == there))


def test_tokens_are_scored_without_the_masked_ones() -> None:
    outputs, targets = example(NEXT_TOKEN, ROWS)
    told = targets != -100
    loss = functional.cross_entropy(outputs[told], targets[told]).item()
    found = scored(NEXT_TOKEN)
    assert found["loss"] == pytest.approx(loss)
    assert found["perplexity"] == math.exp(found["loss"] or math.nan)
    assert found["accuracy"] == pytest.approx(
        oracle.accuracy_score(targets[told], outputs[told].argmax(dim=1))
    )


def test_a_metric_without_a_finite_value_is_none() -> None:
    numbers = torch.randn(9, 2)
    for constant in (torch.zeros(9, 2), torch.full((9, 2), 1234.5678)):
        assert scores_of(REGRESSION, numbers, constant, 2)["r2"] is None
    assert scores_of(BINARY, -torch.ones(4, 1), torch.zeros(4, dtype=torch.int64))["f1"] is None
    far = torch.zeros(1, 1, 2)
    far[0, 0, 1] = 1e4
    assert scores_of(NEXT_TOKEN, far, torch.tensor([[0]]))["perplexity"] is None


def test_where_all_is_masked_the_loss_is_zero_and_the_rest_has_no_value() -> None:
    found = scores_of(NEXT_TOKEN, torch.randn(3, 2, 4), torch.full((3, 2), -100), 2)
    assert found == {"loss": 0.0, "accuracy": None, "perplexity": None}
