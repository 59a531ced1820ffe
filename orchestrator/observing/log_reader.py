"""Answers questions about what jobs have told so far: events, metrics, steps and log lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestrator.errors import NoTrainingSessions
from orchestrator.jobs.figures.metric_series import metric_series
from orchestrator.jobs.job_book import JobBook
from orchestrator.jobs.metrics import shown_entry, shown_metrics
from orchestrator.observing.process_logs import ProcessLogs
from orchestrator.store.log.entries import LogFilter


class LogReader:
    """The part of the JobManager that reads the jobs' log and that of their processes."""

    def __init__(self, book: JobBook, logs: ProcessLogs) -> None:
        self._book = book
        self._logs = logs

    def list_events(
        self, job_id: str, after: int | None = None, limit: int = 1_000, kinds: str | None = None
    ) -> dict[str, Any]:
        """What was told of the job after that ``seq``, or else the latest, oldest first: of those
        ``kinds``, joined by commas, or what people read. Raises ``JobNotFound``."""
        self._book.get(job_id)
        return self._page(_people_read(kinds, job_id), after, limit)

    def list_all_events(
        self, after: int | None = None, limit: int = 1_000, kinds: str | None = None
    ) -> dict[str, Any]:
        """The same of all jobs."""
        return self._page(_people_read(kinds), after, limit)

    def read_log(
        self,
        after: int | None,
        limit: int,
        job_id: str | None = None,
        kinds: Sequence[str] | None = None,
        watched: Sequence[str] = (),
    ) -> dict[str, Any]:
        """All that was told after that ``seq`` (or else the latest), of one job or of all, of those
        kinds or of all. ``gone`` are those of the ``watched`` jobs that there are not. Raises
        ``JobNotFound``."""
        if job_id is not None:
            self._book.get(job_id)
        wanted = LogFilter(job_id, None if kinds is None else tuple(kinds))
        gone = [job_id for job_id in watched if not self._book.has(job_id)]
        return {**self._page(wanted, after, limit), "gone": gone}

    def get_metrics(
        self,
        job_id: str,
        names: str | None = None,
        after: int | None = None,
        max_points: int = 1_000,
    ) -> dict[str, Any]:
        """The job's curves; ``names`` are joined by commas. Raises ``JobNotFound``,
        ``InvalidRequest``."""
        self._book.get(job_id)
        wanted = None if names is None else names.split(",")
        begin = -1 if after is None else after
        return metric_series(self._book.log, job_id, wanted, begin, max_points)

    def list_steps(
        self, job_id: str, after_epoch: int = 0, after_step: int = 0, limit: int = 10_000
    ) -> list[dict[str, Any]]:
        """Steps behind that one, in order."""
        self._book.get(job_id)
        return [
            {"epoch": step.epoch, "step": step.step, "loss": step.loss}
            | shown_metrics(step.metrics or {})
            for step in self._book.log.steps(job_id, (after_epoch, after_step), limit)
        ]

    def list_logs(
        self, job_id: str, after: int | None = None, limit: int = 1_000
    ) -> dict[str, Any]:
        """Log lines of the processes that trained the job: those after that one, or the latest."""
        self._book.get(job_id)
        return self._logs.page(job_id, after, limit)

    def previous_teraflops(self, limit: int | None = None) -> list[dict[str, dict[str, float]]]:
        """The latest, oldest first. Raises ``NoTrainingSessions`` before the first has ended."""
        entries = self._book.log.sessions(limit)
        if not entries:
            raise NoTrainingSessions("No previous training sessions found")
        return [entry.values["devices"] for entry in entries]

    def _page(self, wanted: LogFilter, after: int | None, limit: int) -> dict[str, Any]:
        page = self._book.log.page(wanted, after, limit)
        events = [shown_entry(entry) for entry in page.entries]
        return {"events": events, "next_after": page.next_after}


def _people_read(kinds: str | None, job_id: str | None = None) -> LogFilter:
    """What has a text, if no ``kinds`` are asked for."""
    if kinds is None:
        return LogFilter(job_id, only_events=True)
    return LogFilter(job_id, tuple(kinds.split(",")))
