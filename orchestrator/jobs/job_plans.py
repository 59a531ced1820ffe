"""A job's plan in force: how a train request changes it, and how the API shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.errors import IllegalTransition
from orchestrator.jobs.job import Job
from orchestrator.jobs.train_options import TrainOptions
from orchestrator.planning import asking
from orchestrator.planning.job_planning import DevicePlace
from orchestrator.planning.plan_json import measured_session
from orchestrator.planning.plan_types import Pipelining
from orchestrator.planning.split_search import Cuts


@dataclass(frozen=True)
class PlannedSteps:
    """The schedule and microbatches of a session's steps. With ``keeps_split`` the blocks stay on
    their devices."""

    pipelining: Pipelining
    keeps_split: bool = True


def steps_of(job: Job, options: TrainOptions) -> PlannedSteps:
    """The steps of a train request. If its recipe needs other memory than the recipe by which the
    blocks were placed, the blocks are placed again. Raises ``InvalidRequest``."""
    places = _places_in_force(job)
    if not places:
        wanted = asking.wanted_steps(options, job.spec.batch_size, len(job.devices))
        return PlannedSteps(wanted.pipelining)
    cuts = in_force = _cuts(job)
    before = job.sessions[-1].options if job.sessions else job.spec.train
    if before.recipe.memory != options.recipe.memory:
        wanted = asking.wanted_steps(options, job.spec.batch_size, len(places))
        cuts = asking.split_layers(
            job.spec, job.planning, places, wanted.pipelining, options.recipe
        )
    chosen = asking.chosen_steps(job.spec, job.planning, places, cuts, options)
    return PlannedSteps(chosen, cuts == in_force)


def plan_in_force(job: Job, history: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The plan as ``GET /api/jobs/<job_id>/plan`` shows it. ``history`` is the last session's.
    Raises ``IllegalTransition`` if there is no plan in force."""
    places = _places_in_force(job)
    if not places:
        raise IllegalTransition(
            f"Job {job.job_id} is {job.status.value} and has no plan in force: initialize it with "
            f"POST /api/network/initialize/{job.job_id}, or look at the plan it would get with "
            f"POST /api/network/plan/{job.job_id}"
        )
    session = job.sessions[-1] if job.sessions else None
    if session is None:
        wanted = asking.wanted_steps(job.spec.train, job.spec.batch_size, len(places))
        return asking.in_force(
            job.job_id,
            job.spec,
            job.planning,
            places,
            _cuts(job),
            wanted.pipelining,
            job.spec.train.recipe,
            None,
        )
    pipelining = Pipelining(session.options.schedule, session.num_microbatches)
    measured = measured_session(
        job.spec.batch_size * session.options.recipe.accumulate,
        history,
        session.progress,
        session.device_stats,
        session.threads,
    )
    recipe = session.options.recipe
    return asking.in_force(
        job.job_id, job.spec, job.planning, places, _cuts(job), pipelining, recipe, measured
    )


def _places_in_force(job: Job) -> list[DevicePlace]:
    devices = {device.device_id: device for device in job.devices}
    staged = [devices[s.device_id] for s in job.stages if s.device_id in devices]
    return [
        DevicePlace(d.device_id, f"device {d.device_id} ({d.address})", d.ip, d.ip) for d in staged
    ]


def _cuts(job: Job) -> Cuts:
    return (0, *(stage.end for stage in job.stages))
