"""Predicts in a separate process; light enough for the gateway to import."""

from __future__ import annotations

from typing import Any

import numpy as np

from orchestrator.models.trained_model import TrainedModel

Array = np.ndarray[Any, Any]


class Predictor:
    """A Ray actor of the gateway's. PyTorch is imported in its process only."""

    def __init__(self) -> None:
        self._network: Any = None

    def load(self, model: TrainedModel) -> None:
        """From now on it predicts with this model."""
        from orchestrator.models.model_io import Network

        self._network = None  # or both would be in memory
        self._network = Network(model)

    def predict(self, rows: Array, first: int) -> dict[str, Array]:
        """The task's answer; ``first`` is the first row's index, for the errors."""
        answer: dict[str, Array] = self._network.predict(rows, first)
        return answer
