"""Validation: one forward pass over the validation samples through the same pipeline."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from actors.core.errors import NonFiniteLoss
from actors.core.recipe.wire_format import pack
from actors.core.stages.batches import validation_chunks
from actors.core.stages.specs import SessionSpec
from actors.core.stages.stage import Stage
from actors.core.tasks.scoring import Scores
from actors.loop.stage_io import StageData, StageLinks

AHEAD = 2
"""Chunks that a stage may be ahead of the next one, which confirms each chunk. That bounds the
messages on their way if the channel does not."""


class Validation:
    """One stage's part in validating."""

    def __init__(
        self,
        stage: Stage,
        session: SessionSpec,
        data: StageData,
        links: StageLinks,
        turn: int,
    ) -> None:
        self._stage = stage
        self._device = stage.device
        self._session = session
        self._views = session.views.for_validation()
        self._data = data
        self._links = links
        self._turn = turn
        self._scores = Scores(session.task)

    def run(self, when: str) -> Mapping[str, float | None] | None:
        """The metrics by name in the last stage, None in the others.

        ``when`` is for people. Raises ``NonFiniteLoss``: the last update may have burst the
        weights.
        """
        chunks = validation_chunks(self._session)
        for index, chunk in enumerate(chunks):
            outputs = self._stage.evaluate(self._inputs(index, chunk, len(chunks)))
            if self._stage.spec.is_last:
                self._score(outputs, chunk)
            else:
                self._send(index, outputs)
        if not self._stage.spec.is_last:
            return None
        loss = self._scores.loss
        if not math.isfinite(loss):
            raise NonFiniteLoss(
                f"the validation loss became {loss} after {when} (learning_rate "
                f"{self._session.recipe.learning_rate}): initialize the network again and train "
                "with a lower learning_rate"
            )
        return self._scores.values()

    def verdict(self, ends: bool) -> bool:
        """Whether the session ends; the last stage decides and sends it to the others."""
        index, links = len(validation_chunks(self._session)), self._links
        if links.backward_in is not None:
            told = links.backward_in.recv(self._turn, index).tensor
            assert told is not None, "a session ends between steps only"
            ends = bool(told)
        if links.backward_out is not None:
            links.backward_out.send(torch.tensor([ends]), self._turn, index)
        return ends

    def _send(self, index: int, outputs: torch.Tensor) -> None:
        assert self._links.forward_out is not None and self._links.backward_in is not None
        if index >= AHEAD:
            self._links.backward_in.recv(self._turn, index - AHEAD)
        sender = self._links.forward_out
        given = pack(outputs, self._session.recipe.wire, sender.give(self._device))
        sender.send(given, self._turn, index)

    def _inputs(self, index: int, chunk: slice, num_chunks: int) -> torch.Tensor:
        if self._stage.spec.is_first:
            assert self._data.val_inputs is not None
            return self._device.load(
                self._views.inputs, self._data.val_inputs.of_chunk(chunk), chunk
            )
        assert self._links.forward_in is not None and self._links.backward_out is not None
        inputs = self._links.forward_in.recv(self._turn, index).tensor
        assert inputs is not None, "a session ends between steps only"
        if index + AHEAD < num_chunks:
            self._links.backward_out.send(torch.zeros(1, 1), self._turn, index)
        return self._device.take(inputs)

    def _score(self, outputs: torch.Tensor, chunk: slice) -> None:
        assert self._data.val_targets is not None
        stored = self._data.val_targets.of_chunk(chunk)
        targets = self._device.load(self._views.targets, stored, chunk)
        self._scores.add(outputs, targets)
