"""The curves of a job: its metrics over its optimiser steps, thinned to as many points as are
drawn."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from actors.core.tasks.registry import METRICS
from orchestrator.errors import InvalidRequest
from orchestrator.jobs.metrics import shown_epoch, shown_metrics
from orchestrator.store.log import entries
from orchestrator.store.log.entries import EPOCH, LogEntry
from orchestrator.store.log.job_log import JobLog
from orchestrator.store.log.step_counts import StepCounts

LOSS = "loss"
USUAL = (LOSS, "train_loss", "samples_per_s", "val_loss")
MS_PER_S = 1000
MAX_NAME_CHARS = 60


@dataclass(frozen=True)
class MetricPoint:
    """``step`` counts from 1 over the whole job; ``at_s`` is since 1970, UTC, and None where nobody
    noted it. ``value`` is None where there is no finite one."""

    step: int
    at_s: float | None
    value: float | None


def metric_series(
    log: JobLog, job_id: str, names: Sequence[str] | None, after: int, max_points: int
) -> dict[str, Any]:
    """As the API has it: the curves of those names, or of all, with the points told after that
    ``seq``. Raises ``InvalidRequest`` for a name that no job has."""
    last_seq = log.last_seq()
    epochs = log.read(job_id, entries.EPOCHS, (), None)
    validations = log.read(job_id, entries.METRICS, (), None)
    told = sorted([*epochs, *validations], key=lambda entry: entry.place)
    wanted = None if names is None else _checked(names, _known_names(told))
    counts = log.step_counts(job_id, epochs)
    # Not what is told meanwhile: it would come again to who asks for what comes after `last_seq`.
    points = _by_name((entry for entry in told if after < entry.seq <= last_seq), counts)
    if wanted is None or LOSS in wanted:
        losses = log.losses(job_id, counts, after, max_points)
        known = [entry for entry in losses if entry.seq <= last_seq]
        points[LOSS] = [_point(entry, counts, entry.loss) for entry in known]
    shown = sorted(points, key=_rank) if wanted is None else wanted
    series = [_shown(name, points.get(name, []), max_points) for name in shown]
    return {"series": series, "last_seq": last_seq}


def thinned(values: Sequence[float | None], most: int) -> list[int]:
    """Rising indices, at most so many (2 or more): all of them, or those of the smallest and the
    largest value of each of equal parts."""
    if len(values) <= most:
        return list(range(len(values)))
    num_parts = most // 2
    bounds = [len(values) * part // num_parts for part in range(num_parts + 1)]
    kept: set[int] = set()
    for begin, end in itertools.pairwise(bounds):
        numbers = [(v, i) for i, v in enumerate(values[begin:end], begin) if v is not None]
        kept |= {min(numbers)[1], max(numbers)[1]} if numbers else {begin}
    return sorted(kept)


def _by_name(told: Iterable[LogEntry], counts: StepCounts) -> dict[str, list[MetricPoint]]:
    """The points of each metric, from epochs and validations in their order."""
    found: dict[str, list[MetricPoint]] = {}
    for entry in told:
        for name, value in _metrics_of(entry).items():
            found.setdefault(name, []).append(_point(entry, counts, value))
    return found


def _metrics_of(entry: LogEntry) -> dict[str, float | None]:
    if entry.kind != EPOCH:
        return shown_metrics(entry.values)
    return {name: v for name, v in shown_epoch(entry.values).items() if name != "session"}


def _point(entry: LogEntry, counts: StepCounts, value: float | None) -> MetricPoint:
    at_s = None if entry.at_ms is None else entry.at_ms / MS_PER_S
    is_number = value is not None and math.isfinite(value)
    return MetricPoint(counts.count(entry.place), at_s, value if is_number else None)


def _known_names(told: Iterable[LogEntry]) -> list[str]:
    """The names that a job may have, and those that this one has had."""
    known = [*USUAL, *(f"val_{name}" for name in METRICS)]
    return [*known, *sorted({name for e in told for name in _metrics_of(e)} - {*known})]


def _rank(name: str) -> tuple[int, str]:
    """The usual ones come first."""
    return USUAL.index(name) if name in USUAL else len(USUAL), name


def _checked(names: Sequence[str], known: Sequence[str]) -> list[str]:
    for name in names:
        if name not in known:
            told = ", ".join(known)
            raise InvalidRequest(
                f"names has {name[:MAX_NAME_CHARS]!r}, but must be some of: {told}"
            )
    return list(dict.fromkeys(names))


def _shown(name: str, points: Sequence[MetricPoint], max_points: int) -> dict[str, Any]:
    kept = [points[i] for i in thinned([point.value for point in points], max_points)]
    return {
        "name": name,
        "steps": [point.step for point in kept],
        "at": [point.at_s for point in kept],
        "values": [point.value for point in kept],
    }
