"""A job's numbers as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from http_gateway.client_operations import ClientOperations
from http_gateway.watched_job import WatchedJob

if TYPE_CHECKING:
    import numpy as np

    Arrays = dict[str, np.ndarray[Any, Any]]

STEPS_AT_ONCE = 10_000
MAX_POINTS = 10_000


class ClientArrays(ClientOperations):
    """Reads numbers of jobs into numpy's arrays of float64, with NaN for what has no finite
    value."""

    def history_arrays(self, job_id: str) -> Arrays:
        """Returns an array ``[epochs]`` for each name in the job's history: ``epoch``,
        ``train_loss``, ``val_loss``, ``samples_per_s`` and so on."""
        watched = WatchedJob(lambda **query: self.get_job(job_id, **query))
        return _columns(watched.look()["history"])

    def step_arrays(self, job_id: str) -> Arrays:
        """Returns an array ``[steps]`` for each of ``epoch``, ``step`` and ``loss``, and for what
        was validated within epochs; of the steps that are kept."""
        steps: list[dict[str, Any]] = []
        while True:
            last = steps[-1] if steps else {"epoch": 0, "step": 0}
            more = self.list_steps(
                job_id,
                after_epoch=last["epoch"],
                after_step=last["step"],
                limit=STEPS_AT_ONCE,
            )
            steps += more
            if len(more) < STEPS_AT_ONCE:
                return _columns(steps)

    def metric_arrays(self, job_id: str, names: Sequence[str] | None = None) -> dict[str, Arrays]:
        """Returns the arrays ``steps``, ``at`` (seconds since 1970) and ``values`` of each curve;
        curves of more than 10,000 points are thinned."""
        wanted = None if names is None else ",".join(names)
        told = self.get_metrics(job_id, names=wanted, max_points=MAX_POINTS)
        parts = ("steps", "at", "values")
        return {
            curve["name"]: {part: _array(curve[part]) for part in parts} for curve in told["series"]
        }


def _columns(records: Sequence[Mapping[str, Any]]) -> Arrays:
    """A column for each name that any of them has."""
    names = dict.fromkeys(name for record in records for name in record)
    return {name: _array([record.get(name) for record in records]) for name in names}


def _array(values: Sequence[float | None]) -> np.ndarray[Any, Any]:
    import numpy as np  # what asks for no arrays does without

    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
