"""The figures of all jobs that tools for monitoring read every few seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from orchestrator.jobs.broken_job import BrokenJob
from orchestrator.jobs.job import Job
from orchestrator.jobs.job_lifecycle import Status

LATEST = 50
"""The most jobs that are told of and do not train: each is a series of its own in a database."""
BROKEN = "broken"


def all_figures(jobs: Sequence[Job], broken: Sequence[BrokenJob]) -> dict[str, Any]:
    """How many jobs there are by status, and the figures of those that train and of the latest;
    ``jobs`` come oldest first."""
    counts = Counter(job.status.value for job in jobs)
    statuses = {status.value: counts[status.value] for status in Status}
    others = [job for job in jobs if not job.is_active][-LATEST:]
    known = {job.job_id for job in others}
    told = [job for job in jobs if job.is_active or job.job_id in known]
    return {
        "jobs_by_status": {**statuses, BROKEN: len(broken)},
        "jobs": [_figures(job) for job in told],
    }


def _figures(job: Job) -> dict[str, Any]:
    """The figures of its last session. What is not known is left out, or is None."""
    figures: dict[str, Any] = {"job_id": job.job_id, "status": job.status.value, "devices": {}}
    if job.sessions:
        session = job.sessions[-1]
        figures |= {n: session.progress.get(n) for n in ("epoch", "step", "loss", "samples_per_s")}
        figures |= {"failures": session.num_failures, "lost_steps": session.lost_steps}
        figures["devices"] = session.device_stats
    return figures
