"""Compares jobs by what the API shows of them: their configurations, results and speed."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

NOT_OF_METRICS = ("epoch", "session", "samples_per_s")
SECTIONS = (
    "model_config",
    "dataset_config",
    "task",
    "train_config",
    "failure_policy",
    "checkpoints",
)
"""In the order in which they are told."""


def comparison(
    jobs: Sequence[Mapping[str, Any]], plans: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """``jobs`` are details with the whole history, ``plans`` the plans in force of those that have
    one, by job.

    ``differences`` has each field of the configurations whose values are not all the same, with
    the value of each job that has it; ``results`` each job's last epoch, and its speed: of whole
    epochs, the first one left out where there are others.
    """
    flat = {str(job["job_id"]): _configuration(job) for job in jobs}
    names = dict.fromkeys(name for config in flat.values() for name in config)
    differences = {}
    for name in sorted(names, key=_section):
        values = {job_id: config[name] for job_id, config in flat.items() if name in config}
        if len(values) < len(flat) or any(
            v != next(iter(values.values())) for v in values.values()
        ):
            differences[name] = values
    results = {str(job["job_id"]): _result(job, plans.get(str(job["job_id"]))) for job in jobs}
    return {"jobs": list(flat), "differences": differences, "results": results}


def _configuration(job: Mapping[str, Any]) -> dict[str, Any]:
    """A job's fields by their paths, two levels deep, with how it trained where it did."""
    trained = (job.get("plan") or {}).get("train_config")
    shown = {**job, "train_config": trained or job.get("train_config")}
    return {
        f"{section}.{name}": value
        for section in SECTIONS
        for name, value in (shown.get(section) or {}).items()
        if value is not None
    }


def _section(name: str) -> int:
    """Its place among the sections."""
    return SECTIONS.index(name.partition(".")[0])


def _result(job: Mapping[str, Any], plan: Mapping[str, Any] | None) -> dict[str, Any]:
    history = job["history"]
    last = history[-1] if history else {}
    measured = (plan or {}).get("measured") or {}
    step_s = measured.get("step_s")
    return {
        "status": job["status"],
        "epochs": job["num_epochs"],
        "metrics": {name: value for name, value in last.items() if name not in NOT_OF_METRICS},
        "samples_per_s": _speed(history),
        "step_ms": None if step_s is None else 1000 * step_s,
        "layers": [list(own) for own in job["layers"].values()],
    }


def _speed(history: Sequence[Mapping[str, Any]]) -> float | None:
    """The median of the last session's epochs, the first one left out where there are others."""
    if not history:
        return None
    session = history[-1]["session"]
    rates = [epoch["samples_per_s"] for epoch in history if epoch["session"] == session]
    return float(statistics.median_high(rates[1:] or rates))
