"""Keeps a stage that gets no gradients from running too far ahead of those that it feeds.

If all blocks before an edge are frozen, nothing comes back that would show how far the next stage
is, and a channel may take any number of messages.
"""

from __future__ import annotations

import torch

from actors.loop.stage_io import StageLinks

RECEIVED = torch.zeros(1)


class RunAhead:
    """``is_fed`` says that the stage before gets no gradients, ``feeds`` that this one gets none.

    In each step, a stage confirms its last microbatch to the stage that feeds it. If it feeds
    another stage itself, it waits for that stage's confirmation first. So then all stages behind
    have begun the step.
    """

    def __init__(self, links: StageLinks, is_fed: bool, feeds: bool) -> None:
        self._before = links.backward_out if is_fed else None
        self._behind = links.backward_in if feeds else None
        self._unanswered: int | None = None

    def received(self, turn: int) -> None:
        """All inputs of that step have come."""
        if self._behind is None:
            self._tell(turn)

    def sent(self, turn: int) -> None:
        """All outputs of that step are on their way."""
        self._unanswered = turn

    def wait(self) -> None:
        """Before anything of the next step or of a validation is sent, and before a snapshot: it
        counts on all stages having begun the step."""
        if self._behind is not None and self._unanswered is not None:
            self._behind.recv(self._unanswered, 0)
            self._tell(self._unanswered)
        self._unanswered = None

    def _tell(self, turn: int) -> None:
        if self._before is not None:
            self._before.send(RECEIVED, turn, 0)
