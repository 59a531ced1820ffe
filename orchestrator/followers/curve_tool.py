"""What tools for curves have in common: they are told the metrics of each job, from where they
stopped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestrator.followers.positions import PositionFile
from orchestrator.jobs.figures.metric_series import metric_series
from orchestrator.jobs.job import Job
from orchestrator.jobs.job_book import JobBook

MAX_POINTS = 10_000
"""Of each curve and look; of more, the smallest and the largest of each part are told."""

Curve = dict[str, Any]
"""As ``metric_series`` gives it: ``name``, ``steps``, ``at`` and ``values``."""
Known = dict[str, Any]
"""What a tool keeps of a job: ``seq`` is how far its log was told, ``ended`` how it ended."""


class CurveTool:
    """One for each tool. The position file has a ``Known`` for each job, by its identity."""

    name: str

    def __init__(self, book: JobBook, position: PositionFile) -> None:
        self._book = book
        self._position = position

    def tell_news(self) -> None:
        """Raises ``ToolTrouble``; the jobs before that one are told."""
        jobs = {job.identity: job for job in self._book.all() if job.sessions}
        state = self._position.load()
        if state is None:
            state = self._first_state(list(jobs.values()))
            self._position.save(state)
        for gone in state.keys() - jobs.keys():
            del state[gone]
        for identity, job in jobs.items():
            known = state.setdefault(identity, {"seq": -1, "ended": None})
            if known["ended"] is None or known["ended"] != end_of(job):
                try:
                    self._tell_job(job, known)
                finally:  # what the tool has given, such as a run's id, is not asked for twice
                    self._position.save(state)

    def _tell_job(self, job: Job, known: Known) -> None:
        ended = end_of(job)  # first: a job that has ended gets no further points
        news = metric_series(self._book.log, job.job_id, None, known["seq"], MAX_POINTS)
        self._tell(job, known, [curve for curve in news["series"] if curve["steps"]])
        if ended is not None:
            self._tell_end(job, known)
        known |= {"seq": news["last_seq"], "ended": ended}

    def _first_state(self, jobs: Sequence[Job]) -> dict[str, Known]:
        """When nothing was ever told."""
        return {}

    def _tell(self, job: Job, known: Known, curves: Sequence[Curve]) -> None:
        """New points."""
        raise NotImplementedError

    def _tell_end(self, job: Job, known: Known) -> None:
        """The job has stopped, completed or failed; it may go on later."""


def end_of(job: Job) -> str | None:
    """None while it trains; another text for each end."""
    return None if job.is_active else f"{job.status.value}, session {job.num_sessions}"
