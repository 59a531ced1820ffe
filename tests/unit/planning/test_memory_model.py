"""A plan's figures for a stage's memory, compared with the memory of its tensors."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from actors.core.model.model_spec import ModelSpec, mlp
from actors.core.recipe.recipe import Recipe, parse_recipe
from actors.core.schedule.schedules import SCHEDULES
from actors.core.sources.samples import Split
from actors.core.stages.profiles import DeviceProfile
from orchestrator.planning.job_planning import (
    MEMORY_SHARE,
    PROCESS_BYTES,
    DevicePlace,
    JobPlanning,
    planned_job,
)
from orchestrator.planning.partition import DeviceLimits, PlanRequest
from orchestrator.planning.plan_types import Pipelining, PlanJob
from orchestrator.planning.prediction import predict
from tests.support.digit_sessions import make_session
from tests.support.measured_memory import measured_peaks
from tests.support.models import CNN, TRANSFORMER
from tests.support.profiles import FREE, compute, device
from tests.support.sources import job_spec, samples_of, split_of

DEEP = mlp((64,) * 7)
"""Its activations are much larger than its weights, with the samples below."""
WIDE = mlp((64, 512, 512, 10))
SPEC = job_spec(
    {"layer_sizes": [64, 512, 512, 10]},
    {"name": "digits", "batch_size": 512, "val_batch_size": 100},
)
NUM_TRAIN, BATCH = 2048, 1024
MOMENTUM = parse_recipe({"momentum": 0.9})


def measured(
    monkeypatch: pytest.MonkeyPatch, job: PlanJob, cuts: tuple[int, ...], pipelining: Pipelining
) -> list[int]:
    """By stage, the most bytes of tensors in an epoch of two steps with its validation."""
    session = make_session(
        epochs=1,
        batch_size=job.batch_size,
        val_batch_size=job.val_batch_size,
        num_train=NUM_TRAIN,
        num_val=job.val_batch_size,
        num_microbatches=pipelining.num_microbatches,
        schedule=pipelining.schedule,
        recipe=job.recipe,
    )
    data = samples_of(samples(job.model, NUM_TRAIN), samples(job.model, job.val_batch_size))
    return measured_peaks(monkeypatch, job.model, session, data, cuts)


def samples(model: ModelSpec, count: int) -> Split:
    labels = np.arange(count, dtype=np.int64) % 10
    return split_of(np.ones((count, math.prod(model.inputs.shape)), dtype=np.uint8), labels)


def job_of(
    model: ModelSpec, num_stages: int, val_batch_size: int, recipe: Recipe = MOMENTUM
) -> PlanJob:
    devices = tuple(device(i + 1) for i in range(num_stages))
    links = (FREE,) * (num_stages - 1)
    return PlanJob(model, BATCH, val_batch_size, devices, links, recipe)


@pytest.mark.parametrize("optimizer", ["SGD", "AdamW", "RMSprop", "Adagrad"])
def test_what_an_optimiser_keeps_is_in_the_plan(
    monkeypatch: pytest.MonkeyPatch, optimizer: str
) -> None:
    job = job_of(WIDE, 2, 16, parse_recipe({"optimizer": optimizer}))
    pipelining = Pipelining("1f1b", 4)
    found = measured(monkeypatch, job, (0, 1, 3), pipelining)
    for stage, peak in zip(predict(job, (0, 1, 3), pipelining).stages, found, strict=True):
        said = stage.memory.total - stage.memory.copies - stage.memory.messages
        assert 0.3 * said < peak <= said, (optimizer, stage.start)


def test_bfloat16_is_planned_for(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = parse_recipe({"optimizer": "Adam", "precision": "bf16"})
    for model, cuts in ((WIDE, (0, 1, 3)), (CNN, (0, 2, 4)), (TRANSFORMER, (0, 3, 6))):
        job, pipelining = job_of(model, 2, 16, recipe), Pipelining("gpipe", 8)
        found = measured(monkeypatch, job, cuts, pipelining)
        for stage, peak in zip(predict(job, cuts, pipelining).stages, found, strict=True):
            said = stage.memory.total - stage.memory.copies - stage.memory.messages
            assert 0.2 * said < peak <= said, (cuts, stage.start)


def test_what_is_frozen_is_not_planned_for(monkeypatch: pytest.MonkeyPatch) -> None:
    pipelining, cuts = Pipelining("1f1b", 4), (0, 1, 3)
    whole = predict(job_of(WIDE, 2, 16, parse_recipe({"optimizer": "Adam"})), cuts, pipelining)
    job = job_of(WIDE, 2, 16, parse_recipe({"optimizer": "Adam", "freeze": ["0", "1"]}))
    plan = predict(job, cuts, pipelining)
    assert plan.stages[0].memory.optimizer == plan.stages[0].memory.gradients == 0
    assert plan.stages[0].computing_s < whole.stages[0].computing_s
    for stage, peak in zip(plan.stages, measured(monkeypatch, job, cuts, pipelining), strict=True):
        said = stage.memory.total - stage.memory.copies - stage.memory.messages
        assert 0.3 * said < peak <= said, stage.start


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_no_stage_takes_more_than_its_plan_says_by_any_schedule(
    monkeypatch: pytest.MonkeyPatch, schedule: str
) -> None:
    splits = (
        (DEEP, (0, 6)),
        (DEEP, (0, 3, 6)),
        (DEEP, (0, 2, 4, 6)),
        (WIDE, (0, 1, 3)),
        (CNN, (0, 2, 4)),
        (TRANSFORMER, (0, 3, 6)),
    )
    shapes = ((16, 8), (4 * BATCH, 8), (16, 1))
    for (model, cuts), (val_rows, count) in itertools.product(splits, shapes):
        job, pipelining = job_of(model, len(cuts) - 1, val_rows), Pipelining(schedule, count)
        found = measured(monkeypatch, job, cuts, pipelining)
        for stage, peak in zip(predict(job, cuts, pipelining).stages, found, strict=True):
            # Messages are bytes, no tensors, and nobody keeps copies here.
            said = stage.memory.total - stage.memory.copies - stage.memory.messages
            assert 0.3 * said < peak <= said, (cuts, val_rows, count, stage.start)


GIB = 2**30
HOST = (
    DevicePlace(1, "device 1", "10.0.0.1", "node 1"),
    DevicePlace(2, "device 2", "10.0.0.1", "node 2"),
)
OTHER = DevicePlace(3, "device 3", "10.0.0.2", "node 3")


def rooms(memory_bytes: int, **limits: int) -> list[int | None]:
    """For two devices of one host and one of another; ``limits`` are such as ``d1=10**9``."""
    asked = {int(name[1:]): DeviceLimits(limit) for name, limit in limits.items()}
    profile = DeviceProfile(4, memory_bytes, None, compute(), None)
    planning = JobPlanning(PlanRequest(limits=asked), {i: profile for i in (1, 2, 3)})
    planned = planned_job(SPEC, planning, (*HOST, OTHER))
    return [d.room_bytes for d in planned.devices]


def test_devices_of_one_host_share_its_memory() -> None:
    whole = int(MEMORY_SHARE * 8 * GIB)
    assert rooms(8 * GIB) == [whole // 2, whole // 2, whole]


def test_what_one_device_may_take_is_not_the_other_one_s_on_its_host() -> None:
    whole = int(MEMORY_SHARE * 8 * GIB)
    assert rooms(8 * GIB, d1=5 * GIB) == [5 * GIB, whole - 5 * GIB, whole]
    assert rooms(8 * GIB, d1=GIB) == [GIB, whole - GIB, whole]
    assert rooms(8 * GIB, d1=8 * GIB)[1] == 0
    assert rooms(8 * GIB, d1=GIB, d2=2 * GIB) == [GIB, 2 * GIB, whole]


def test_a_small_host_keeps_room_for_the_processes_themselves() -> None:
    first, second, other = rooms(GIB)
    assert first == second == (GIB - 2 * PROCESS_BYTES) // 2
    assert other == GIB - PROCESS_BYTES


def test_a_host_that_does_not_tell_its_memory_sets_no_limit() -> None:
    planned = planned_job(SPEC, JobPlanning(), HOST)
    assert [d.room_bytes for d in planned.devices] == [None, None]


def test_what_is_on_its_way_does_not_grow_with_the_batches_of_a_step() -> None:
    places = [DevicePlace(i, f"device {i}", "10.0.0.1", "n") for i in (1, 2)]

    def messages(accumulate: int, schedule: str = "1f1b", **more: object) -> int:
        recipe = parse_recipe({"accumulate": accumulate, **more})
        job = planned_job(SPEC, JobPlanning(), places, recipe)
        return (
            predict(job, (0, 1, 3), Pipelining(schedule, 4 * accumulate)).stages[0].memory.messages
        )

    assert messages(16) == messages(1)
    assert messages(16, "gpipe") > 8 * messages(1, "gpipe")
    assert messages(16, freeze=["0"]) > 8 * messages(1, freeze=["0"])


def test_a_lossy_wire_makes_messages_smaller_but_for_the_tensor_in_hand() -> None:
    needs = {}
    for wire in ("fp32", "bf16", "int8"):
        job = job_of(WIDE, 2, 16, parse_recipe({"wire": wire}))
        plan = predict(job, (0, 1, 3), Pipelining("1f1b", 4))
        needs[wire] = plan.stages[0].memory
    sizes = [needs[wire].messages for wire in ("int8", "bf16", "fp32")]
    assert 0.3 * sizes[2] < sizes[0] < sizes[1] < 0.8 * sizes[2]
    assert replace(needs["int8"], messages=0) == replace(needs["fp32"], messages=0)
