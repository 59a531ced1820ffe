from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.core.model.model_spec import mlp
from actors.core.recipe.recipe import parse_recipe
from actors.core.schedule.schedules import SCHEDULES
from actors.core.stages.profiles import LinkProfile, StageOverhead
from orchestrator.errors import InvalidRequest
from orchestrator.planning.partition import DeviceLimits, LayerRange, PlanRequest
from orchestrator.planning.plan_types import Pipelining, PlanJob
from orchestrator.planning.planner import Wanted, plan_job, plan_steps
from orchestrator.planning.prediction import alone, predict, split_problem
from tests.support.profiles import device, job

AUTO = PlanRequest()
EIGHT = Pipelining("1f1b", 8)
SLOW = LinkProfile("actor_calls", 5e-3, 1e8, 1e-3, 1e-9)


def test_equal_devices_share_equal_layers_alike() -> None:
    # The first layer has no gradient of its inputs, so it is two thirds of another one's work.
    plan = plan_job(job([device(1), device(2)]), AUTO, Wanted(EIGHT))
    assert plan.cuts == (0, 2, 4)
    assert plan.stages[0].computing_s == pytest.approx(5 / 6 * plan.stages[1].computing_s)


def test_a_slow_device_gets_fewer_layers_and_that_is_quicker_than_an_even_split() -> None:
    devices = [device(1), device(2, weights_per_s=3e8)]
    auto = plan_job(job(devices), AUTO, Wanted(EIGHT))
    even = plan_job(job(devices), PlanRequest("even"), Wanted(EIGHT))
    assert auto.cuts == (0, 3, 4) and even.cuts == (0, 2, 4)
    assert auto.step_s < 0.7 * even.step_s


def test_a_map_is_taken_as_it_is() -> None:
    request = PlanRequest("manual", {1: LayerRange(0, 1), 2: LayerRange(1, 4)})
    assert plan_job(job([device(1), device(2)]), request, Wanted(EIGHT)).cuts == (0, 1, 4)


def test_a_device_with_little_memory_gets_what_fits() -> None:
    free = plan_job(job([device(1), device(2)]), AUTO, Wanted(EIGHT))
    room = free.stages[1].memory.total - 1
    plan = plan_job(job([device(1), device(2, room_bytes=room)]), AUTO, Wanted(EIGHT))
    assert plan.cuts == (0, 3, 4) and plan.too_small is None


def test_a_network_that_exceeds_each_device_trains_on_two_and_is_refused_on_one() -> None:
    network = mlp((1000,) * 9)
    room = 200_000_000
    two = plan_job(
        job([device(1, room_bytes=room), device(2, room_bytes=room)], network), AUTO, Wanted(EIGHT)
    )
    assert two.too_small is None
    with pytest.raises(InvalidRequest) as refused:
        plan_job(job([device(1, room_bytes=room)], network), AUTO, Wanted(EIGHT))
    text = refused.value.message
    need = two.stages[0].memory.parameters + two.stages[1].memory.parameters
    assert "does not fit" in text and "offers 200,000,000 (200.0 MB)" in text
    assert int(text.split("It needs ")[1].split(" bytes")[0].replace(",", "")) > need


def test_a_map_that_exceeds_a_device_is_refused_with_what_it_needs_and_offers() -> None:
    request = PlanRequest(
        "manual", {1: LayerRange(0, 1), 2: LayerRange(1, 4)}, {2: DeviceLimits(1000)}
    )
    devices = [device(1), device(2, room_bytes=1000)]
    with pytest.raises(InvalidRequest, match=r"device 2 .* would need .* offers 1,000"):
        plan_job(job(devices), request, Wanted(EIGHT))


def test_auto_chooses_more_microbatches_where_messages_cost_nothing() -> None:
    wanted = Wanted(Pipelining("1f1b", 2), auto_microbatches=True)
    plan = plan_job(job([device(1), device(2)], batch_size=64), AUTO, wanted)
    assert plan.pipelining.num_microbatches > 4


def test_auto_chooses_few_microbatches_where_every_message_costs() -> None:
    wanted = Wanted(Pipelining("1f1b", 2), auto_microbatches=True)
    plan = plan_job(job([device(1), device(2)], link=SLOW), AUTO, wanted)
    assert plan.pipelining.num_microbatches <= 2


def test_auto_never_takes_more_microbatches_than_samples() -> None:
    wanted = Wanted(Pipelining("1f1b", 2), auto_microbatches=True)
    plan = plan_job(job([device(1), device(2)], batch_size=5), AUTO, wanted)
    assert plan.pipelining.num_microbatches <= 5


def test_auto_takes_the_schedule_whose_step_is_shortest() -> None:
    planned = job([device(i) for i in range(1, 5)], mlp((100,) * 9))
    wanted = Wanted(EIGHT, auto_schedule=True)
    plan = plan_job(planned, AUTO, wanted)
    others = [plan_job(planned, AUTO, Wanted(Pipelining(n, 8))) for n in SCHEDULES]
    assert plan.step_s == pytest.approx(min(p.step_s for p in others))
    assert plan.pipelining.schedule == "zb-h2"


def test_schedule_and_microbatches_are_chosen_for_a_split_that_stays() -> None:
    planned = job([device(1), device(2)])
    plan = plan_steps(planned, (0, 1, 4), Wanted(EIGHT, True, True))
    assert plan.cuts == (0, 1, 4)
    assert plan.step_s <= predict(planned, (0, 1, 4), EIGHT).step_s


def test_one_device_alone_needs_no_messages() -> None:
    planned = job([device(1), device(2, all_cores=4e9)])
    one = alone(planned, 0, 1)
    assert one is not None and one.step_s == pytest.approx(64 * (11 * 1e4) / 1e9)
    assert one.bubble == 0 and one.stages[0].wire_s == 0
    assert alone(planned, 0, 1, all_cores=True) is None
    quick = alone(planned, 1, 1, all_cores=True)
    assert quick is not None and quick.step_s == pytest.approx(one.step_s / 4)


@given(
    st.lists(st.sampled_from([3e8, 1e9, 2e9]), min_size=1, max_size=4),
    st.integers(1, 8),
    st.sampled_from([0.0, 1e-4, 1e-3]),
    st.sampled_from([(), ("0",), ("0", "1", "2")]),
)
@settings(max_examples=60)
def test_the_tables_of_the_search_state_what_a_prediction_adds_up(
    speeds: list[float], num_microbatches: int, latency_s: float, freeze: tuple[str, ...]
) -> None:
    """The prediction for a split is never below its bound. Its memory without copies is that of the
    tables, except that these take a largest block for each stage's largest."""
    link = LinkProfile("actor_calls", latency_s, 1e8, latency_s / 4, 1e-9)
    devices = [device(i + 1, speed) for i, speed in enumerate(speeds)]
    recipe = parse_recipe({"freeze": freeze} if freeze else {})
    planned = job(devices, mlp((50, 100, 20, 30, 40, 10)), link, recipe=recipe)
    pipelining = Pipelining("1f1b", num_microbatches)
    problem = split_problem(planned, pipelining)
    largest = planned.memory(num_microbatches).largest_passing()
    for cuts in itertools.islice(problem.all_cuts(), 20):
        plan = predict(planned, cuts, pipelining)
        assert plan.step_s >= problem.step_s(cuts) * (1 - 1e-9)
        for stage, tables in zip(plan.stages, problem.stages, strict=True):
            own = stage.memory.total - stage.memory.copies
            assert own <= tables.memory(stage.start, stage.end) <= own + largest


def test_64_devices_and_1000_layers_are_planned() -> None:
    network = mlp(tuple(100 + i % 7 for i in range(1001)))
    devices = [device(i + 1, 1e9 * (1 + i % 3), 10**9) for i in range(64)]
    planned: PlanJob = job(devices, network, batch_size=256)
    plan = plan_job(planned, AUTO, Wanted(Pipelining("1f1b", 128)))
    assert len(plan.stages) == 64


def test_what_is_frozen_gets_no_messages_back_and_a_lossy_wire_has_shorter_ones() -> None:
    usual = job([device(1), device(2)], link=SLOW)
    plain = predict(usual, (0, 2, 4), EIGHT)
    frozen = predict(replace(usual, recipe=parse_recipe({"freeze": ["0", "1"]})), (0, 2, 4), EIGHT)
    rounded = predict(replace(usual, recipe=parse_recipe({"wire": "bf16"})), (0, 2, 4), EIGHT)
    size = 64 * 100 * 4 / 8
    forward_s, back_s = SLOW.sending_s(size), SLOW.taking_s(size)
    assert frozen.stages[0].sending_s < plain.stages[0].sending_s - 7 * min(forward_s, back_s)
    assert frozen.stages[0].computing_s < plain.stages[0].computing_s
    assert frozen.step_s < 0.8 * plain.step_s
    assert plain.stages[0].sending_s - rounded.stages[0].sending_s == pytest.approx(
        8 * 2 * (SLOW.sending_s(size) - SLOW.sending_s(size / 2)), rel=0.2
    )


def test_a_stage_that_only_feeds_others_has_no_overhead_of_a_backward_pass_or_an_update() -> None:
    """By the search's tables as by the prediction, and no message back on its edge."""
    slow = StageOverhead(forward_s=0.1, backward_s=1.0, update_s=10.0)
    devices = [
        replace(d, profile=replace(d.profile, own=replace(d.profile.own, overhead=slow)))
        for d in (device(1), device(2))
    ]
    planned = job(devices, link=SLOW, recipe=parse_recipe({"freeze": ["0", "1"]}))
    plan = predict(planned, (0, 2, 4), EIGHT)
    assert plan.stages[0].computing_s == pytest.approx(8 * 0.1, rel=0.01)
    assert plan.stages[0].updating_s == 0.0 and plan.stages[1].updating_s == 10.0
    first, second = split_problem(planned, EIGHT).stages
    size = planned.message_bytes(2, 8)
    forward_s = (plan.stages[0].computing_s + plan.stages[0].sending_s) / 8
    assert first.busy_end[2] - first.busy_start[0] == pytest.approx(forward_s)
    assert first.update_end[2] - first.update_start[0] == 0.0
    alone_s = SLOW.delivery_s(size) - SLOW.sending_s(size) - SLOW.taking_s(size)
    assert first.wire[2] == pytest.approx(alone_s)
    busy_s = (plan.stages[1].computing_s + plan.stages[1].sending_s) / 8
    assert second.busy_end[4] - second.busy_start[2] == pytest.approx(busy_s)
