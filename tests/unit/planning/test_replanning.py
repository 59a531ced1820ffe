"""Train requests for which the blocks are placed again."""

from __future__ import annotations

from typing import Any

import pytest

from actors.core.stages.profiles import LinkProfile
from orchestrator.jobs.job import Device, Job, PlannedStage
from orchestrator.jobs.job_plans import plan_in_force, steps_of
from orchestrator.jobs.train_options import parse_train_options
from orchestrator.planning.job_planning import JobPlanning
from orchestrator.planning.partition import DeviceLimits, LayerRange, PlanRequest
from orchestrator.planning.plan_types import Pipelining
from orchestrator.planning.prediction import predict
from tests.support.job_records import make_job
from tests.support.profiles import device, job
from tests.support.sources import job_spec

SPEC = job_spec(
    {"layer_sizes": [64, *[256] * 8, 10]},
    {"name": "digits", "batch_size": 64, "val_batch_size": 64},
)
PROFILES = {1: device(1).profile, 2: device(2).profile}


def placed_job(request: PlanRequest) -> Job:
    job = make_job()
    job.spec, job.planning = SPEC, JobPlanning(request, PROFILES)
    job.devices = [Device(1, "10.0.0.1", 5001), Device(2, "10.0.0.2", 5001)]
    job.stages = (PlannedStage(1, 0, 4), PlannedStage(2, 4, 9))
    return job


def limited_job(times: float) -> Job:
    """Device 2 may take this many times the memory that it takes with the job's own recipe."""
    (_, second) = plan_in_force(placed_job(PlanRequest()), [])["devices"]
    limit = DeviceLimits(int(times * second["memory"]["needed_bytes"]))
    return placed_job(PlanRequest(limits={2: limit}))


def test_blocks_stay_where_the_memory_is_the_same() -> None:
    configs: tuple[dict[str, Any], ...] = ({}, {"learning_rate": 0.5}, {"lr_schedule": "cosine"})
    for config in configs:
        assert steps_of(limited_job(1.0), parse_train_options(config)).keeps_split


def test_blocks_move_where_the_optimiser_does_not_fit() -> None:
    adam = parse_train_options({"optimizer": "Adam"})
    assert not steps_of(limited_job(2.5), adam).keeps_split


def test_a_map_of_layers_is_kept_to() -> None:
    manual = PlanRequest("manual", {1: LayerRange(0, 4), 2: LayerRange(4, 9)})
    assert steps_of(placed_job(manual), parse_train_options({"optimizer": "Adam"})).keeps_split


def test_a_norm_over_all_stages_costs_a_message_each_way() -> None:
    plain = parse_train_options({}).recipe
    clipped = parse_train_options({"clip_grad_norm": 1.0}).recipe
    link = LinkProfile("actor_calls", 0.25, 1e9)
    jobs = [job([device(1), device(2)], link=link, recipe=recipe) for recipe in (plain, clipped)]
    before, after = (predict(one, (0, 2, 4), Pipelining("1f1b", 2)).step_s for one in jobs)
    assert after - before == pytest.approx(0.5, rel=1e-3)
