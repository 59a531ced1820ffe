"""Gives each of a job's devices its layers: the pure plan, for devices with places."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from actors.core.stages.specs import StageSpec
from orchestrator.jobs.job import Job, Session
from orchestrator.jobs.train_options import TrainOptions
from orchestrator.planning import asking
from orchestrator.planning.job_planning import DevicePlace, JobPlanning, planned_job
from orchestrator.planning.plan_types import Pipelining, Plan
from orchestrator.planning.prediction import predict
from orchestrator.planning.split_search import Cuts
from orchestrator.sessions.stage_group import StagePlacement


def split_over(
    job: Job,
    planning: JobPlanning,
    placements: Sequence[StagePlacement],
    options: TrainOptions,
) -> list[StagePlacement]:
    """The same devices with their new layers; raises ``InvalidRequest`` if they lack the memory."""
    wanted = asking.wanted_steps(options, job.spec.batch_size, len(placements))
    cuts = asking.split_layers(
        job.spec, planning, device_places(placements), wanted.pipelining, options.recipe
    )
    return with_layers(placements, cuts)


def predicted_plan(job: Job, session: Session, placements: Sequence[StagePlacement]) -> Plan:
    """Predicts the session's steps with the layers as they are placed."""
    options = session.options
    places = device_places(placements)
    planned = planned_job(job.spec, job.planning, places, options.recipe)
    cuts = (0, *(p.spec.end for p in placements))
    return predict(planned, cuts, Pipelining(options.schedule, session.num_microbatches))


def with_layers(placements: Sequence[StagePlacement], cuts: Cuts) -> list[StagePlacement]:
    """The same devices with these layers."""
    count = len(placements)
    return [
        StagePlacement(
            StageSpec.of(p.spec.model, i, count, cuts[i], cuts[i + 1]), p.device, p.resolved
        )
        for i, p in enumerate(placements)
    ]


def device_places(placements: Sequence[StagePlacement]) -> list[DevicePlace]:
    """The places of the devices."""
    return [
        DevicePlace(p.device.device_id, p.label, p.resolved.ip, p.resolved.node.node_id)
        for p in placements
    ]


def tried_kinds(job: Job, placements: Sequence[StagePlacement]) -> list[str | None]:
    """By edge, the kind of channel that was fastest in a trial; None without a trial."""
    ids = [p.device.device_id for p in placements]
    links = [job.planning.link(*pair) for pair in itertools.pairwise(ids)]
    return [None if link is None else link.kind for link in links]
