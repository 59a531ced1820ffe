"""A job's details, look by look: each asks for the epochs that are new."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

MAX_EPOCHS = 10_000


@dataclass
class WatchedJob:
    """``get_job`` takes ``after_epoch`` and ``history_limit`` and returns the job's details."""

    get_job: Callable[..., dict[str, Any]]
    _history: list[dict[str, Any]] = field(default_factory=list)

    def look(self) -> dict[str, Any]:
        """The details with the whole history."""
        job = self._ask()
        if len(self._history) > job["num_epochs"]:  # taken back, or initialized again
            self._history = []
            job = self._ask()
        while job["history"] and len(self._history) < job["num_epochs"]:
            job = self._ask()
        return {**job, "history": list(self._history)}

    def _ask(self) -> dict[str, Any]:
        last = self._history[-1]["epoch"] if self._history else 0
        job = self.get_job(after_epoch=last, history_limit=MAX_EPOCHS)
        self._history += job["history"]
        return job
