"""Predictions: one at a time, in a separate process, which ends with its caller."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from actors.core.asking.question import Question
from http_gateway.calls.own_process import OwnProcess
from http_gateway.calls.turns import Turns
from http_gateway.operations.questions import ReadQuestion
from http_gateway.operations.rows import note_about
from orchestrator.models.predictor import Predictor
from orchestrator.models.trained_model import ModelFacts

LIMIT_S = 240.0
IDLE_S = 60.0  # so long the process is kept for the next prediction
BYTES_PER_S = 2e6


def transfer_s(facts: ModelFacts) -> float:
    """The longest time to read the weights and send them."""
    return facts.num_bytes / BYTES_PER_S


class Predictions:
    """Has a ``Predictor`` on the gateway's node, from the first prediction until none comes. It
    keeps its model as long as the same weights are asked."""

    def __init__(self) -> None:
        self._turns = Turns("Predictions are made")
        self._process = OwnProcess(Predictor, "predictor", "predicts", "ask for less at once")
        self._loaded = ""
        self._timer: threading.Timer | None = None

    def predict(
        self,
        facts: ModelFacts,
        get_model: Callable[[], Any],
        read: ReadQuestion,
        gone: Callable[[], bool],
    ) -> dict[str, Any]:
        """``get_model`` returns a reference to the job's ``TrainedModel``."""
        with self._turns.turn(gone):
            self._keep()
            try:
                question = read(facts.inputs, facts.num_outputs)
                return self._answer(facts, get_model, question, gone)
            finally:
                self._end_later()

    def _answer(
        self,
        facts: ModelFacts,
        get_model: Callable[[], Any],
        question: Question,
        gone: Callable[[], bool],
    ) -> dict[str, Any]:
        deadline = time.monotonic() + LIMIT_S + transfer_s(facts)
        self._load(facts, get_model, deadline, gone)
        answers: list[dict[str, Any]] = []
        first = 0
        for block in question.blocks(facts.block_rows):
            asked = self._process.actor().answer.remote(block, first)
            answers.append(self._process.result(asked, deadline, gone))
            first += facts.block_rows
        answer = {name: _joined([part[name] for part in answers]) for name in answers[0]}
        if "classes" in answer and facts.class_names:
            answer["class_names"] = list(facts.class_names)
        note = note_about(facts.inputs, facts.dataset, question.largest)
        return answer if note is None else {**answer, "note": note}

    def _load(
        self,
        facts: ModelFacts,
        get_model: Callable[[], Any],
        deadline: float,
        gone: Callable[[], bool],
    ) -> None:
        """Unless the process has these very weights already."""
        if self._process.runs and self._loaded == facts.weights_id != "":
            return
        self._loaded = ""
        loading = self._process.actor().load.remote(get_model())
        self._process.result(loading, deadline, gone)
        self._loaded = facts.weights_id

    def _keep(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end_later(self) -> None:
        if self._process.runs:
            self._timer = threading.Timer(IDLE_S, self._turns.if_free, [self._process.end])
            self._timer.daemon = True
            self._timer.start()


def _joined(parts: Sequence[Any]) -> list[Any]:
    """Arrays, or lists, one behind the other."""
    if isinstance(parts[0], np.ndarray):
        joined: list[Any] = np.concatenate(parts).tolist()
        return joined
    return list(itertools.chain.from_iterable(parts))
