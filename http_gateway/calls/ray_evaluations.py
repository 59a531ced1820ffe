"""Evaluations: one at a time, each in a process of its own, which ends with it or its caller."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from http_gateway.calls.own_process import OwnProcess
from http_gateway.calls.turns import Turns
from orchestrator.models.evaluator import Evaluator

LOADING_S = 900.0
LIMIT_S = 1800.0
REMEDY = "evaluate fewer samples"


class Evaluations:
    """Of all jobs."""

    def __init__(self) -> None:
        self._turns = Turns("Models are evaluated")

    def evaluate(
        self, get_plan: Callable[[], Any], get_model: Callable[[], Any], gone: Callable[[], bool]
    ) -> dict[str, Any]:
        """``get_plan`` returns a reference to an object that has one to the plan, ``get_model`` one
        to the model."""
        process = OwnProcess(Evaluator, "evaluator", "evaluates", REMEDY)
        with self._turns.turn(gone):
            try:
                told = process.result(get_plan(), time.monotonic() + LOADING_S, gone)
                asked = process.actor().evaluate.remote(told["plan"], get_model())
                answer: dict[str, Any] = process.result(asked, time.monotonic() + LIMIT_S, gone)
            finally:
                process.end()
        return answer
