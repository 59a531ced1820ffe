"""Turns requests into a plan, and a plan into an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from actors.core.recipe.recipe import Recipe
from orchestrator.jobs.job_spec import JobSpec, default_num_microbatches
from orchestrator.jobs.train_options import AUTO, DEFAULT_SCHEDULE, TrainOptions
from orchestrator.planning.job_planning import (
    DevicePlace,
    JobPlanning,
    planned_job,
    request_for,
)
from orchestrator.planning.partition import partition_json
from orchestrator.planning.plan_json import Measured, measured_json, plan_json
from orchestrator.planning.plan_types import Pipelining, Plan, PlanJob
from orchestrator.planning.planner import Wanted, plan_job, plan_steps
from orchestrator.planning.prediction import predict
from orchestrator.planning.split_search import Cuts
from orchestrator.planning.verdict import judge


def wanted_steps(options: TrainOptions, batch_size: int, num_stages: int) -> Wanted:
    """``schedule`` and ``num_microbatches``: a value, ``auto``, or nothing.

    Nothing gives the same on every run: the order in which gradients are added decides the bits,
    which must not depend on a device's measured speed. The result is the microbatches of a step,
    which may consist of several batches.
    """
    schedule, count = options.schedule, options.num_microbatches
    of_batch = count if isinstance(count, int) else default_num_microbatches(batch_size, num_stages)
    pipelining = Pipelining(
        DEFAULT_SCHEDULE if schedule == AUTO else schedule,
        of_batch * options.recipe.accumulate,
    )
    return Wanted(pipelining, schedule == AUTO, count == AUTO)


def split_layers(
    spec: JobSpec,
    planning: JobPlanning,
    places: Sequence[DevicePlace],
    pipelining: Pipelining,
    recipe: Recipe,
) -> Cuts:
    """Raises ``InvalidRequest`` when the layers do not fit these devices."""
    job = planned_job(spec, planning, places, recipe)
    return plan_job(job, request_for(planning, places), Wanted(pipelining)).cuts


def preview(
    job_id: str,
    spec: JobSpec,
    planning: JobPlanning,
    places: Sequence[DevicePlace],
    options: TrainOptions,
) -> dict[str, Any]:
    """The plan that would be made of such a request, as the API shows it; raises
    ``InvalidRequest``."""
    wanted = wanted_steps(options, spec.batch_size, len(places))
    job = planned_job(spec, planning, places, options.recipe)
    plan = plan_job(job, request_for(planning, places), wanted)
    return _told(job_id, planning, job, plan, _asked_count(options))


def _asked_count(options: TrainOptions) -> int:
    count = options.num_microbatches
    return (count if isinstance(count, int) else 1) * options.recipe.accumulate


def chosen_steps(
    spec: JobSpec,
    planning: JobPlanning,
    places: Sequence[DevicePlace],
    cuts: Cuts,
    options: TrainOptions,
) -> Pipelining:
    """Schedule and microbatches of a train request, with ``auto`` decided; raises
    ``InvalidRequest`` if the devices lack the memory for it."""
    job = planned_job(spec, planning, places, options.recipe)
    wanted = wanted_steps(options, spec.batch_size, len(places))
    return plan_steps(job, cuts, wanted).pipelining


def in_force(
    job_id: str,
    spec: JobSpec,
    planning: JobPlanning,
    places: Sequence[DevicePlace],
    cuts: Cuts,
    pipelining: Pipelining,
    recipe: Recipe,
    measured: Measured | None,
) -> dict[str, Any]:
    """The plan by which a job trains, with the measured time of its steps."""
    job = planned_job(spec, planning, places, recipe)
    plan = predict(job, cuts, pipelining)
    told = _told(job_id, planning, job, plan, recipe.accumulate)
    return {**told, "measured": measured_json(plan, measured)}


def _told(
    job_id: str, planning: JobPlanning, job: PlanJob, plan: Plan, alone: int
) -> dict[str, Any]:
    """``alone`` are the microbatches of a step of one device: it would not cut up its batches,
    unless that was asked for."""
    partition = partition_json(planning.request)
    return plan_json(job_id, partition, job, plan, judge(job, plan, alone))
