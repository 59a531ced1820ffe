"""Predicts in a separate process; light enough for the gateway to import."""

from __future__ import annotations

from typing import Any

from orchestrator.models.trained_model import TrainedModel


class Predictor:
    """A Ray actor of the gateway's. PyTorch, and what decodes images, is imported in its process
    only."""

    def __init__(self) -> None:
        self._network: Any = None

    def load(self, model: TrainedModel) -> None:
        """From now on it predicts with this model."""
        from orchestrator.models.model_io import Network

        self._network = None  # or both would be in memory
        self._network = Network(model)

    def answer(self, asked: Any, first: int) -> dict[str, Any]:
        """See ``Network``."""
        answer: dict[str, Any] = self._network.answer(asked, first)
        return answer
