"""What tools for curves have in common: they are told the metrics of each job, from where they
stopped."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from orchestrator.followers.follower import ToolTrouble
from orchestrator.followers.positions import PositionFile
from orchestrator.jobs.figures.metric_series import metric_series
from orchestrator.jobs.job import Job
from orchestrator.jobs.job_book import JobBook

MAX_POINTS = 10_000
"""Of each curve and look; of more, the smallest and the largest of each part are told."""

Curve = dict[str, Any]
"""As ``metric_series`` gives it: ``name``, ``steps``, ``at`` and ``values``."""
Known = dict[str, Any]
"""What a tool keeps of a job: ``seq`` is how far its log was told, ``ended`` how it ended then, and
``run`` how often its weights had been drawn."""


class CurveTool:
    """A tool that draws curves. Its position file has a ``Known`` for each job, by its identity."""

    name: str

    def __init__(self, book: JobBook, position: PositionFile) -> None:
        self._book = book
        self._position = position

    def tell_news(self) -> None:
        """Raises ``ToolTrouble``: at once if nothing can be told now, and after the other jobs if
        it is one job's alone."""
        jobs = {job.identity: job for job in self._book.all()}
        state = self._position.load()
        if state is None:
            state = self._first_state([job for job in jobs.values() if job.sessions])
            self._position.save(state)
        self._forget_gone(state, jobs.keys())
        troubles: list[ToolTrouble] = []
        for job in jobs.values():
            if job.sessions:  # else its next weights may have been drawn: it is not told yet
                self._tell_job(job, state, troubles)
        if troubles:
            raise troubles[0]

    def _forget_gone(self, state: dict[str, Known], there: Collection[str]) -> None:
        for identity in state.keys() - there:
            self._tell_gone(identity, state[identity])
            del state[identity]
            self._position.save(state)

    def _tell_job(self, job: Job, state: dict[str, Known], troubles: list[ToolTrouble]) -> None:
        known = state.setdefault(job.identity, known_of(job, -1, None))
        ended = end_of(job)  # before all else: a job that has ended gets no further points
        if ended is not None and ended == known["ended"]:
            return
        try:
            self._tell_news_of(job, known, ended)
        except ToolTrouble as trouble:
            if not trouble.is_of_one_job:
                raise
            troubles.append(trouble)
        finally:  # what the tool has given, such as a run's id, is not asked for twice
            self._position.save(state)

    def _tell_news_of(self, job: Job, known: Known, ended: str | None) -> None:
        if known.get("run") != job.run:
            self._begin_again(known)
            known["run"] = job.run
        news = metric_series(self._book.log, job.job_id, None, known["seq"], MAX_POINTS)
        self._tell(job, known, [curve for curve in news["series"] if curve["steps"]])
        if ended is not None:
            self._tell_end(job, known)
        known |= {"seq": news["last_seq"], "ended": ended}

    def _first_state(self, jobs: Sequence[Job]) -> dict[str, Known]:
        """What to begin with if the tool was never told anything. ``jobs`` have trained."""
        return {}

    def _begin_again(self, known: Known) -> None:
        """Other weights were drawn, whose curves begin anew."""

    def _tell(self, job: Job, known: Known, curves: Sequence[Curve]) -> None:
        """New points."""
        raise NotImplementedError

    def _tell_end(self, job: Job, known: Known) -> None:
        """The job has stopped, completed or failed; it may go on later."""

    def _tell_gone(self, identity: str, known: Known) -> None:
        """The job was deleted."""


def known_of(job: Job, seq: int, ended: str | None) -> Known:
    """What a tool knows of a job at first."""
    return {"seq": seq, "ended": ended, "run": job.run}


def end_of(job: Job) -> str | None:
    """None while it trains; another text for each end of a session, however its devices and its
    status change later."""
    outcome = outcome_of(job)
    return None if outcome is None else f"{outcome}, generation {job.generation}"


def outcome_of(job: Job) -> str | None:
    """How its last session ended; None while it trains."""
    last = job.sessions[-1:]
    return last[0].outcome if last and not job.is_active else None
