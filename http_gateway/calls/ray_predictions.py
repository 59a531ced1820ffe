"""Predictions: one at a time, in a separate process, which ends with its caller."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from actors.core.errors import TandemError, Unavailable
from http_gateway.calls.turns import GONE_TEXT, LOOK_S, Turns
from http_gateway.operations.rows import ReadRows, Rows, note_about
from orchestrator.identity import draw_identity
from orchestrator.models.predictor import Predictor
from orchestrator.models.trained_model import ModelFacts

START_S = 60.0
LIMIT_S = 240.0
IDLE_S = 60.0  # so long the process is kept for the next prediction
BYTES_PER_S = 2e6
LATE_TEXT = "The prediction took too long and was ended: send fewer rows at once"


def transfer_s(facts: ModelFacts) -> float:
    """The longest time to read the weights and send them."""
    return facts.num_bytes / BYTES_PER_S


class Predictions:
    """Has a ``Predictor`` on the gateway's node, from the first prediction until none comes."""

    def __init__(self) -> None:
        self._turns = Turns("Predictions are made")
        self._actor: Any = None
        self._timer: threading.Timer | None = None

    def predict(
        self,
        facts: ModelFacts,
        get_model: Callable[[], Any],
        read: ReadRows,
        gone: Callable[[], bool],
    ) -> dict[str, Any]:
        """``get_model`` returns a reference to the job's ``TrainedModel``."""
        with self._turns.turn(gone):
            self._keep()
            try:
                rows = read(facts.inputs, facts.num_outputs)
                return self._answer(facts, get_model, rows, gone)
            finally:
                self._end_later()

    def _answer(
        self, facts: ModelFacts, get_model: Callable[[], Any], rows: Rows, gone: Callable[[], bool]
    ) -> dict[str, Any]:
        deadline = time.monotonic() + LIMIT_S + transfer_s(facts)
        actor = self._started()
        self._result(actor.load.remote(get_model()), deadline, gone)
        answers: list[dict[str, np.ndarray[Any, Any]]] = []
        first = 0
        for block in rows.blocks(facts.block_rows):
            answers.append(self._result(actor.predict.remote(block, first), deadline, gone))
            first += len(block)
        answer = {
            name: np.concatenate([part[name] for part in answers]).tolist() for name in answers[0]
        }
        note = note_about(facts.inputs, facts.dataset, rows.largest)
        return answer if note is None else {**answer, "note": note}

    def _result(self, reference: Any, deadline: float, gone: Callable[[], bool]) -> Any:
        while not ray.wait([reference], timeout=LOOK_S)[0]:
            late = time.monotonic() > deadline
            if late or gone():
                self._end()
                raise Unavailable(LATE_TEXT if late else GONE_TEXT)
        try:
            return ray.get(reference, timeout=START_S)
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, TandemError):
                raise error.cause from error
            raise
        except ray.exceptions.RayError as error:
            self._end()
            raise Unavailable(
                f"The process that predicts has ended, or could not be started ({error}). If "
                "that was for lack of memory, free some on the gateway's host, or send fewer rows"
            ) from error

    def _started(self) -> Any:
        if self._actor is None:
            node_id = ray.get_runtime_context().get_node_id()
            actor_class: Any = ray.remote(Predictor)
            self._actor = actor_class.options(
                name=draw_identity("predictor"),
                num_cpus=0,
                max_restarts=0,
                max_task_retries=0,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node_id, soft=False),
            ).remote()
        return self._actor

    def _keep(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end_later(self) -> None:
        if self._actor is not None:
            self._timer = threading.Timer(IDLE_S, self._turns.if_free, [self._end])
            self._timer.daemon = True
            self._timer.start()

    def _end(self) -> None:
        actor, self._actor = self._actor, None
        if actor is not None and ray.is_initialized():
            ray.kill(actor, no_restart=True)
