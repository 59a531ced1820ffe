"""The samples with the largest losses."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from actors.core.tasks.loss import Loss

MAX_NUMBERS = 20
"""The most numbers of a target or an answer that are shown."""


@dataclass(frozen=True)
class JudgedSample:
    """``index`` is its place in the split. A loss that is not finite is None, and the worst."""

    split: str
    index: int
    target: Any
    predicted: Any
    loss: float | None

    @property
    def badness(self) -> float:
        """The larger, the worse."""
        return math.inf if self.loss is None else self.loss


Told = Callable[[torch.Tensor], Any]
"""A sample's outputs or targets, fit for JSON."""


class WorstSamples:
    """Keeps the ``most`` samples with the largest losses."""

    def __init__(self, most: int, loss: Loss, target: Told, predicted: Told) -> None:
        self._most = most
        self._loss = loss
        self._target = target
        self._predicted = predicted
        self._worst: list[JudgedSample] = []

    def add(self, outputs: torch.Tensor, targets: torch.Tensor, split: str, first: int) -> None:
        """A chunk of the split from sample ``first`` on, a row a sample."""
        if not self._most:
            return
        losses = sample_losses(self._loss, outputs, targets)
        order = torch.where(losses.isfinite(), losses, torch.inf)
        for row in order.topk(min(self._most, len(order))).indices.tolist():
            loss = float(losses[row])
            judged = JudgedSample(
                split,
                first + row,
                self._target(targets[row]),
                self._predicted(outputs[row]),
                loss if math.isfinite(loss) else None,
            )
            self._worst.append(judged)
        self._worst.sort(key=lambda one: -one.badness)
        del self._worst[self._most :]

    @property
    def found(self) -> list[JudgedSample]:
        """The worst first."""
        return list(self._worst)


def sample_losses(loss: Loss, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The loss of each sample by itself, float64 ``[n]``."""
    found = [loss(outputs[i : i + 1], targets[i : i + 1]).item() for i in range(len(outputs))]
    return torch.tensor(found, dtype=torch.float64)


def told_numbers(values: torch.Tensor) -> Any:
    """One number, or the first of several. One that is not finite becomes None."""
    found = values.reshape(-1)[:MAX_NUMBERS].tolist()
    shown = [v if math.isfinite(v) else None for v in found]
    return shown[0] if values.ndim == 0 else shown
