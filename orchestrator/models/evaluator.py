"""Evaluates in a separate process; light enough for the gateway to import."""

from __future__ import annotations

from typing import Any

from orchestrator.models.trained_model import TrainedModel


class Evaluator:
    """A Ray actor of the gateway's, for one evaluation. PyTorch is imported in its process only."""

    def evaluate(self, plan: Any, model: TrainedModel) -> dict[str, Any]:
        """The answer; see ``orchestrator.models.evaluating``."""
        from orchestrator.models.evaluating import evaluate

        return evaluate(plan, model)
