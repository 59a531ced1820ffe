from __future__ import annotations

from typing import Any

import pytest

from actors.core.recipe.recipe import PLAIN_SGD
from actors.core.stages.profiles import LinkProfile
from orchestrator.errors import InvalidRequest
from orchestrator.files.stored_json import from_stored, to_stored
from orchestrator.jobs.job_spec import default_num_microbatches
from orchestrator.jobs.train_options import TrainOptions, parse_train_options
from orchestrator.planning import asking
from orchestrator.planning.job_planning import (
    MEMORY_SHARE,
    DevicePlace,
    JobPlanning,
    MeasuredLink,
    planned_job,
    request_for,
)
from orchestrator.planning.partition import DeviceLimits, LayerRange, PlanRequest
from orchestrator.planning.plan_json import measured_session
from orchestrator.planning.plan_types import Pipelining
from tests.support.profiles import device
from tests.support.sources import job_spec

SPEC = job_spec(
    {"layer_sizes": [64, 100, 100, 10]},
    {"name": "digits", "batch_size": 512, "val_batch_size": 100},
)
PLACES = [DevicePlace(i, f"device {i}", "10.0.0.1", f"node {i}") for i in (1, 2)]
LINK = LinkProfile("shared_memory", 1e-4, 1e9)
PLANNING = JobPlanning(
    PlanRequest(limits={2: DeviceLimits(10**9, 3)}),
    {1: device(1).profile, 2: device(2).profile},
    (MeasuredLink(1, 2, LINK),),
)


def test_without_a_word_schedule_and_microbatches_do_not_depend_on_what_was_measured() -> None:
    wanted = asking.wanted_steps(TrainOptions(), 512, 2)
    assert wanted.pipelining == Pipelining("1f1b", default_num_microbatches(512, 2))
    assert not wanted.auto_schedule and not wanted.auto_microbatches


def test_a_step_of_several_batches_has_the_microbatches_of_all() -> None:
    options = parse_train_options({"accumulate": 4, "num_microbatches": 2})
    assert asking.wanted_steps(options, 512, 2).pipelining == Pipelining("1f1b", 8)
    job = planned_job(SPEC, PLANNING, PLACES, options.recipe)
    assert (job.batch_size, job.rows(8)) == (2048, 256)
    auto = parse_train_options({"accumulate": 3, "num_microbatches": "auto"})
    chosen = asking.chosen_steps(SPEC, PLANNING, PLACES, (0, 1, 3), auto)
    assert chosen.num_microbatches % 3 == 0


def test_auto_is_decided_and_what_was_asked_stays() -> None:
    cuts = (0, 1, 3)
    chosen = asking.chosen_steps(
        SPEC, PLANNING, PLACES, cuts, TrainOptions(schedule="gpipe", num_microbatches="auto")
    )
    assert chosen.schedule == "gpipe" and chosen.num_microbatches in (1, 2, 4, 8, 16)
    both = asking.chosen_steps(
        SPEC, PLANNING, PLACES, cuts, TrainOptions(schedule="auto", num_microbatches=4)
    )
    assert both.num_microbatches == 4


def test_what_exceeds_a_devices_memory_is_refused_before_it_trains() -> None:
    tight = JobPlanning(PlanRequest(limits={2: DeviceLimits(300_000)}), PLANNING.profiles)
    with pytest.raises(InvalidRequest, match=r"device 2 would need .* offers 300,000"):
        asking.chosen_steps(SPEC, tight, PLACES, (0, 1, 3), parse_train_options({"momentum": 0.9}))


def test_planning_survives_the_store() -> None:
    assert from_stored(JobPlanning, to_stored(PLANNING)) == PLANNING


def test_owners_limits_bound_threads_and_memory() -> None:
    assert PLANNING.threads(2, None, 1) == 3 and PLANNING.threads(2, 8, 1) == 3
    assert PLANNING.threads(2, 2, 1) == 2 and PLANNING.threads(1, None, 4) == 4
    job = planned_job(SPEC, PLANNING, PLACES)
    rest = int(MEMORY_SHARE * 2**34) - 10**9
    assert [d.room_bytes for d in job.devices] == [rest, 10**9]


def test_a_device_that_was_not_measured_is_a_usual_one_and_its_link_too() -> None:
    third = DevicePlace(3, "device 3", "10.0.0.1", "node 3")
    job = planned_job(SPEC, PLANNING, [*PLACES, third])
    assert job.devices[2].profile in PLANNING.profiles.values()
    assert [link.kind for link in job.links] == ["shared_memory", "gloo"]
    assert job.links[0] == LINK


def test_a_job_of_which_nothing_is_known_is_planned_all_the_same() -> None:
    cuts = asking.split_layers(SPEC, JobPlanning(), PLACES, Pipelining("1f1b", 2), PLAIN_SGD)
    assert cuts[0] == 0 and cuts[-1] == 3 and len(cuts) == 3


def test_a_map_of_layers_holds_for_all_its_devices_or_not_at_all() -> None:
    manual = PlanRequest("manual", {1: LayerRange(0, 2), 2: LayerRange(2, 3)})
    planning = JobPlanning(manual)
    assert request_for(planning, PLACES) == manual
    assert request_for(planning, PLACES[:1]).kind == "auto"


def test_a_preview_tells_what_it_was_asked() -> None:
    told = asking.preview("7", SPEC, PLANNING, PLACES, TrainOptions(num_microbatches=4))
    assert (told["job_id"], told["partition"], told["num_microbatches"]) == ("7", "auto", 4)
    assert told["devices"][0]["layers"][0] == 0
    assert "measured" not in told


def history(*rates: float) -> list[dict[str, Any]]:
    return [{"samples_per_s": rate} for rate in rates]


STATS = {"computing_s": 6.0, "updating_s": 1.0, "waiting_s": 2.0, "snapshots_s": 1.0}


def test_what_steps_took_is_told_without_the_first_epoch() -> None:
    found = measured_session(100, history(10.0, 1000.0, 1000.0), {}, {"1": STATS}, {1: 2})
    assert found is not None and found.step_s == pytest.approx(0.1)
    assert found.devices["1"]["computing_s"] == pytest.approx(0.06)
    only = measured_session(100, history(10.0), {}, {"1": STATS}, {1: 2})
    assert only is not None and only.step_s == pytest.approx(10.0)


def test_nothing_is_measured_before_the_first_step() -> None:
    assert measured_session(100, [], {"samples_per_s": 0.0}, {}, {}) is None


def test_other_threads_than_planned_are_told() -> None:
    measured = measured_session(100, history(1000.0), {}, {"1": STATS}, {1: 2, 2: 1})
    told = asking.in_force(
        "7", SPEC, PLANNING, PLACES, (0, 1, 3), Pipelining("1f1b", 2), PLAIN_SGD, measured
    )["measured"]
    assert told["step_s"] == pytest.approx(0.1)
    assert told["error"] == pytest.approx(told["predicted_step_s"] / 0.1 - 1)
    assert told["note"].startswith("Device 1 was measured with another number of threads")


def test_no_more_samples_are_validated_at_once_than_there_are() -> None:
    own = {"name": "digits", "batch_size": 8}
    spec = job_spec({"layer_sizes": [64, 100, 100, 10]}, own)
    assert (spec.val_batch_size, spec.data.num_val) == (1000, 359)
    few, usual = planned_job(spec, PLANNING, PLACES), planned_job(SPEC, PLANNING, PLACES)
    assert (few.val_batch_size, usual.val_batch_size) == (359, 100)
