from __future__ import annotations

from typing import Any

import pytest
import torch

from actors.core.evaluation.evaluation import Evaluation
from actors.core.evaluation.worst_samples import sample_losses
from actors.core.tasks.loss import Loss
from actors.core.tasks.scoring import Scores
from actors.core.tasks.task_spec import TaskSpec

CLASSES = torch.tensor([[4.0, 0.0], [0.0, 1.0], [3.0, 0.0]]), torch.tensor([0, 0, 1])
REGRESSION = TaskSpec("regression", (("loss", "mse"), ("delta", 1.0)))


def evaluated(
    task: str | TaskSpec, outputs: torch.Tensor, targets: torch.Tensor, num_worst: int = 2
) -> dict[str, Any]:
    """Chunk by chunk of two."""
    own = TaskSpec(task) if isinstance(task, str) else task
    evaluation = Evaluation(own, num_worst)
    for first in range(0, len(outputs), 2):
        chunk = slice(first, first + 2)
        evaluation.add(outputs[chunk], targets[chunk], "validation", first)
    return evaluation.result()


def test_classes_are_counted_and_the_worst_samples_named() -> None:
    told = evaluated("classification", *CLASSES)
    assert told["num_samples"] == 3
    assert told["confusion_matrix"] == [[1, 1], [1, 0]]
    assert told["confusions"][0] == {"target": 0, "predicted": 1, "count": 1}
    assert [(own["index"], own["target"], own["predicted"]) for own in told["worst"]] == [
        (2, 1, 0),
        (1, 0, 1),
    ]
    assert told["worst"][0]["loss"] == pytest.approx(3.0486, abs=1e-4)


def test_the_metrics_are_those_of_a_validation_by_the_same_chunks() -> None:
    scores = Scores(TaskSpec("classification"))
    for chunk in (slice(0, 2), slice(2, 3)):
        scores.add(CLASSES[0][chunk], CLASSES[1][chunk])
    assert evaluated("classification", *CLASSES)["metrics"] == scores.values()


def test_yes_and_no_are_two_classes() -> None:
    told = evaluated("binary", torch.tensor([[2.0], [-1.0], [1.0]]), torch.tensor([1, 1, 0]))
    assert told["confusion_matrix"] == [[0, 1], [1, 1]]
    assert (told["worst"][0]["target"], told["worst"][0]["predicted"]) in [(1, 0), (0, 1)]


def test_labels_have_no_confusion_but_each_its_counts() -> None:
    outputs, targets = torch.tensor([[1.0, -1.0, 2.0]]), torch.tensor([[1, 1, 0]])
    told = evaluated("multilabel", outputs, targets)
    assert told["confusion_matrix"] is None and told["confusions"] == []
    assert [own["num_samples"] for own in told["classes"]] == [1, 1, 0]
    assert told["worst"][0]["predicted"] == [1, 0, 1]


def test_numbers_have_no_classes() -> None:
    told = evaluated(REGRESSION, torch.tensor([[1.0], [5.0]]), torch.tensor([[1.5], [2.0]]))
    assert told["classes"] == [] and told["confusion_matrix"] is None
    assert told["worst"][0] == {
        "split": "validation",
        "index": 1,
        "target": [2.0],
        "predicted": [5.0],
        "loss": 9.0,
    }


def test_tokens_are_counted_without_those_that_are_masked() -> None:
    outputs = torch.nn.functional.one_hot(torch.tensor([[0, 1, 1], [2, 2, 2]]), 3).float()
    told = evaluated("next_token", outputs, torch.tensor([[0, 1, -100], [2, 0, 2]]))
    assert told["confusion_matrix"] == [[1, 0, 1], [0, 1, 0], [0, 0, 2]]
    assert told["worst"][0]["index"] == 1 and told["worst"][0]["target"] is None


def test_a_loss_that_is_not_finite_is_the_worst_and_fits_json() -> None:
    outputs = torch.tensor([[1.0], [torch.nan], [9.0]])
    told = evaluated(REGRESSION, outputs, torch.zeros(3, 1), num_worst=3)
    assert [own["index"] for own in told["worst"]] == [1, 2, 0]
    assert told["worst"][0]["loss"] is None and told["worst"][0]["predicted"] == [None]
    assert told["metrics"]["loss"] is None


def test_none_of_the_worst_may_be_asked() -> None:
    assert evaluated("classification", *CLASSES, num_worst=0)["worst"] == []


def test_a_samples_loss_is_the_tasks_of_it_alone() -> None:
    for task in ("classification", "next_token"):
        outputs = torch.randn(3, 4) if task == "classification" else torch.randn(3, 2, 4)
        targets = torch.randint(4, outputs.shape[:-1])
        loss = Loss(TaskSpec(task))
        found = sample_losses(loss, outputs, targets)
        assert found.mean().item() == pytest.approx(loss(outputs, targets).item(), rel=1e-5)
