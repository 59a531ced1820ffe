"""Adds up, chunk by chunk, what a model tells of a data set."""

from __future__ import annotations

from typing import Any

import torch

from actors.core.evaluation.confusion import ClassCount, ConfusionCounts, LabelCounts
from actors.core.evaluation.worst_samples import WorstSamples, told_numbers
from actors.core.tasks.loss import Loss
from actors.core.tasks.registry import TASKS
from actors.core.tasks.scoring import Scores
from actors.core.tasks.task_spec import TaskSpec


class Evaluation:
    """The metrics are those of a validation: the same sums in the same order. ``num_worst`` samples
    are named."""

    def __init__(self, task: TaskSpec, num_worst: int) -> None:
        self._kind = TASKS[task.kind]
        self._scores = Scores(task)
        self._worst = WorstSamples(num_worst, Loss(task), self._target, self._predicted)
        self._confusion: ConfusionCounts | None = None
        self._labels: LabelCounts | None = None
        self.num_samples = 0

    def add(self, outputs: torch.Tensor, targets: torch.Tensor, split: str, first: int) -> None:
        """A chunk of the split from sample ``first`` on: outputs of the model, in float32, and
        targets, a row a sample."""
        self._scores.add(outputs, targets)
        self._worst.add(outputs, targets, split, first)
        self._count(outputs, targets)
        self.num_samples += len(outputs)

    def result(self) -> dict[str, Any]:
        """Fit for JSON."""
        confusion = self._confusion
        pairs = [] if confusion is None else confusion.largest
        return {
            "num_samples": self.num_samples,
            "metrics": self._scores.values(),
            "classes": [_class_json(own) for own in self._by_class()],
            "confusion_matrix": None if confusion is None else confusion.matrix,
            "confusions": [
                {"target": target, "predicted": taken, "count": count}
                for target, taken, count in pairs
            ],
            "worst": [
                {
                    "split": one.split,
                    "index": one.index,
                    "target": one.target,
                    "predicted": one.predicted,
                    "loss": one.loss,
                }
                for one in self._worst.found
            ],
        }

    def _by_class(self) -> list[ClassCount]:
        counts = self._confusion or self._labels
        return [] if counts is None else counts.by_class

    def _count(self, outputs: torch.Tensor, targets: torch.Tensor) -> None:
        """Yes and no of one label are two classes."""
        answer = self._kind.answer
        if answer == "numbers":
            return
        rows, actual, predicted = (own.numpy() for own in self._kind.score(outputs, targets))
        if answer in ("classes", "tokens"):
            if self._confusion is None:
                self._confusion = ConfusionCounts(rows.shape[1])
            self._confusion.add(actual, predicted)
        elif rows.shape[1] == 1:
            if self._confusion is None:
                self._confusion = ConfusionCounts(2)
            self._confusion.add(actual.reshape(-1).astype("int64"), predicted.reshape(-1))
        else:
            if self._labels is None:
                self._labels = LabelCounts(rows.shape[1])
            self._labels.add(actual == 1, predicted)

    def _target(self, target: torch.Tensor) -> Any:
        return None if self._kind.answer == "tokens" else told_numbers(target)

    def _predicted(self, outputs: torch.Tensor) -> Any:
        """In the form of the target."""
        answer = self._kind.answer
        if answer == "tokens":
            return None
        if answer == "classes":
            return int(outputs.argmax())
        if answer == "labels":
            yes = (outputs > 0).to(torch.int64)
            return int(yes) if yes.numel() == 1 else told_numbers(yes)
        return told_numbers(outputs)


def _class_json(own: ClassCount) -> dict[str, Any]:
    return {
        "index": own.index,
        "num_samples": own.num_samples,
        "num_predicted": own.num_predicted,
        "precision": own.precision,
        "recall": own.recall,
    }
