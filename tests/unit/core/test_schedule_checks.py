from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.core.schedule.checks import (
    TIGHTEST_SLOTS,
    EdgeCosts,
    StageCosts,
    checked_schedule,
    simulate,
)
from actors.core.schedule.rules import ScheduleError, check_held
from actors.core.schedule.schedules import (
    SCHEDULES,
    Action,
    ActionKind,
    Schedule,
    build_schedule,
    gpipe,
    one_f_one_b,
    zb_h1,
    zb_h2,
)

stages = st.integers(1, 8)
microbatches = st.integers(1, 32)
names = st.sampled_from(sorted(SCHEDULES))
seconds = st.floats(0.001, 10)


@given(stages, microbatches, names)
def test_no_schedule_deadlocks_however_small_the_channels(p: int, m: int, name: str) -> None:
    schedule = checked_schedule(name, p, m)
    assert len(simulate(schedule).starts) == sum(map(len, schedule))


@given(stages, microbatches, names)
def test_activations_held_are_those_of_the_papers(p: int, m: int, name: str) -> None:
    bounds = {
        "gpipe": [m] * p,
        "1f1b": [min(m, p - i) for i in range(p)],
        "zb-h1": [min(m, p)] * p,
        "zb-h2": [min(m, 2 * p - 1)] * p,
    }
    assert list(simulate(build_schedule(name, p, m)).max_held) == bounds[name]


@given(stages, microbatches, st.sampled_from([gpipe, one_f_one_b]), seconds, seconds)
def test_the_bubble_of_equal_stages_is_the_textbooks(
    p: int, m: int, generate: type, forward_s: float, backward_s: float
) -> None:
    costs = [StageCosts(forward_s, backward_s)] * p
    simulation = simulate(generate(p, m), costs)
    assert simulation.makespan == pytest.approx((m + p - 1) * (forward_s + backward_s))
    assert simulation.bubble == pytest.approx((p - 1) / (m + p - 1))


@given(stages, microbatches)
def test_zb_h1_waits_a_third_as_long_once_the_pipeline_is_full(p: int, m: int) -> None:
    zero_bubble, plain = simulate(zb_h1(p, m)), simulate(one_f_one_b(p, m))
    if m >= p:
        assert zero_bubble.makespan == 3 * m + (p - 1)
        assert max(zero_bubble.wait) == pytest.approx(max(plain.wait) / 3)
    else:
        assert zero_bubble.makespan == 2 * m + 2 * p - 1
    assert zero_bubble.makespan <= plain.makespan


@given(stages, st.integers(0, 16))
def test_zb_h2_has_no_bubble_once_steps_follow_each_other(p: int, more: int) -> None:
    m = 2 * p - 1 + more
    schedule = zb_h2(p, m)
    simulation = simulate(schedule)
    assert simulation.period == 3 * m
    first = [simulation.starts[actions[0]] for actions in schedule]
    assert simulation.ends == tuple(begin + 3 * m for begin in first)


@given(stages, microbatches, st.sampled_from([gpipe, one_f_one_b]))
def test_steps_of_gpipe_and_1f1b_do_not_overlap(p: int, m: int, generate: type) -> None:
    simulation = simulate(generate(p, m))
    assert simulation.period == simulation.makespan


@given(st.data(), st.integers(1, 4), st.integers(1, 8), names)
def test_a_step_among_others_takes_what_the_busiest_stage_does_or_more(
    data: st.DataObject, p: int, m: int, name: str
) -> None:
    costs = [data.draw(stage_costs()) for _ in range(p)]
    edges = [EdgeCosts(data.draw(seconds), data.draw(seconds)) for _ in range(p - 1)]
    schedule = build_schedule(name, p, m)
    simulation = simulate(schedule, costs, edges)
    assert max(simulation.busy) * (1 - 1e-9) <= simulation.period
    assert simulation.period <= simulation.makespan * (1 + 1e-9)


def test_a_step_begins_while_the_last_stage_is_at_the_one_before() -> None:
    costs = [StageCosts(1.0, 1.0, update_s=1.0), StageCosts(1.0, 1.0, update_s=6.0)]
    simulation = simulate(one_f_one_b(2, 1), costs)
    assert simulation.makespan == 9.0
    assert simulation.period == 8.0


@given(st.data(), stages, microbatches, names)
def test_no_step_is_quicker_than_the_bound_of_its_costs(
    data: st.DataObject, p: int, m: int, name: str
) -> None:
    """A stage's own work and update once the first microbatch is there; one microbatch's way
    there and back, of whose backward passes only the gradient by the inputs need be done."""
    costs = [data.draw(stage_costs()) for _ in range(p)]
    edges = [EdgeCosts(data.draw(seconds), data.draw(seconds)) for _ in range(p - 1)]
    simulation = simulate(build_schedule(name, p, m), costs, edges)
    assert simulation.makespan >= bound(costs, edges, m) * (1 - 1e-9)
    for busy, cost in zip(simulation.busy, costs, strict=True):
        assert busy == pytest.approx(m * (cost.forward_s + cost.backward_s) + cost.update_s)


@given(stages, microbatches, names)
def test_what_is_slower_takes_no_less_time(p: int, m: int, name: str) -> None:
    schedule = build_schedule(name, p, m)
    slower = [StageCosts(update_s=0.5), *[StageCosts()] * (p - 1)]
    edges = [EdgeCosts(0.5, 0.5)] * (p - 1)
    plain = simulate(schedule)
    assert simulate(schedule, slower).makespan >= plain.makespan
    assert simulate(schedule, edges=edges).makespan >= plain.makespan + (p - 1) / 2


def test_durations_put_each_action_where_its_message_arrives() -> None:
    costs = [StageCosts(1.0, 2.0, update_s=0.5), StageCosts(3.0, 4.0)]
    simulation = simulate(one_f_one_b(2, 1), costs, [EdgeCosts(0.25, 0.75)])
    starts = {str(action): start for action, start in simulation.starts.items()}
    assert starts == {"0F0": 0.0, "1F0": 1.25, "1B0": 4.25, "0B0": 9.0}
    assert simulation.ends == (11.5, 8.25)
    assert simulation.makespan == 11.5
    assert simulation.busy == (3.5, 7.0)
    assert simulation.wait == (8.0, 4.5)
    assert simulation.bubble == pytest.approx(12.5 / 23)


def test_an_edge_carries_one_message_at_a_time() -> None:
    simulation = simulate(gpipe(2, 3), edges=[EdgeCosts(forward_s=5.0)])
    forwards = [simulation.starts[Action(1, ActionKind.FORWARD, m)] for m in range(3)]
    assert forwards == [6.0, 11.0, 16.0]


def test_a_sender_waits_for_room_in_its_channel() -> None:
    costs = [StageCosts(1.0, 1.0), StageCosts(10.0, 1.0)]
    free, tight = simulate(gpipe(2, 4), costs), simulate(gpipe(2, 4), costs, slots=1)
    last = Action(0, ActionKind.FORWARD, 3)
    assert free.starts[last] == 3.0
    assert tight.starts[last] == 11.0
    assert free.makespan == tight.makespan


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_64_stages_with_512_microbatches_are_simulated_whole(name: str) -> None:
    found = simulate(build_schedule(name, 64, 512), slots=TIGHTEST_SLOTS)
    assert len(found.starts) == sum(map(len, build_schedule(name, 64, 512)))


def test_a_missing_action_is_named() -> None:
    schedule = gpipe(2, 2)
    schedule[1].remove(Action(1, ActionKind.BACKWARD, 1))
    with pytest.raises(ScheduleError, match=r"stage 1 .* missing: 1B1"):
        simulate(schedule)


def test_a_doubled_action_is_named() -> None:
    schedule = zb_h1(2, 2)
    schedule[1].append(Action(1, ActionKind.WEIGHT_GRAD, 1))
    with pytest.raises(ScheduleError, match=r"stage 1 .* doubled: 1W1"):
        simulate(schedule)


def test_an_action_of_another_stage_is_named() -> None:
    schedule = gpipe(2, 1)
    schedule[0].append(Action(1, ActionKind.BACKWARD, 0))
    with pytest.raises(ScheduleError, match=r"stage 0 .* foreign: 1B0"):
        simulate(schedule)


def test_half_a_split_backward_is_named() -> None:
    schedule = zb_h1(2, 1)
    schedule[1].remove(Action(1, ActionKind.INPUT_GRAD, 0))
    with pytest.raises(ScheduleError, match=r"stage 1 .* missing: 1I0"):
        simulate(schedule)


def test_a_stage_that_splits_some_backward_passes_only_is_named() -> None:
    with pytest.raises(ScheduleError, match=r"missing: 0I0, 0W0; foreign: 0B0"):
        simulate(parsed("F0 B0 F1 I1 W1"))


@pytest.mark.parametrize(
    ("order", "named"),
    [
        ("F1 F0 B0 B1", "0F1"),
        ("F0 F1 B1 B0", "0B1"),
        ("B0 F0 F1 B1", "0B0"),
        ("F0 W0 I0 F1 I1 W1", "0W0"),
        ("F0 F1 I0 I1 W1 W0", "0W1"),
    ],
)
def test_an_order_that_would_change_the_sums_or_meet_the_wrong_message_is_named(
    order: str, named: str
) -> None:
    with pytest.raises(ScheduleError, match=f"stage 0 has {named} out of order"):
        simulate(parsed(order))


def test_a_deadlock_is_named() -> None:
    schedule = parsed("F0 B0 F1 B1", "F0 F1 B0 B1")
    with pytest.raises(ScheduleError, match=r"deadlocks at 0B0, 1F1"):
        simulate(schedule)


def test_a_deadlock_for_lack_of_room_is_named() -> None:
    schedule = parsed("F0 F1 F2 F3 B0 B1 B2 B3", "F0 B0 F1 B1 F2 B2 F3 B3")
    simulate(schedule)
    with pytest.raises(ScheduleError, match=r"deadlocks at 0F3 \(no room to send\), 1B1"):
        simulate(schedule, slots=1)


def test_more_activations_than_allowed_are_named() -> None:
    with pytest.raises(ScheduleError, match=r"stage 1 holds 4 .* at most 3"):
        check_held(gpipe(2, 4), [4, 3])


def test_a_schedule_that_holds_more_than_it_should_does_not_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(SCHEDULES, "1f1b", replace(SCHEDULES["1f1b"], build=gpipe))
    with pytest.raises(ScheduleError, match=r"stage 0 holds 4 .* at most 2"):
        checked_schedule("1f1b", 2, 4)


def test_costs_of_another_number_of_stages_are_refused() -> None:
    with pytest.raises(ScheduleError, match=r"3 stages and 1 edges.*2 stages: give 2 and 1"):
        simulate(gpipe(2, 1), [StageCosts()] * 3)


@st.composite
def stage_costs(draw: st.DrawFn) -> StageCosts:
    input_grad_s, weight_grad_s = draw(seconds), draw(seconds)
    backward_s = input_grad_s + weight_grad_s
    return StageCosts(draw(seconds), backward_s, input_grad_s, weight_grad_s, draw(seconds))


def bound(costs: list[StageCosts], edges: list[EdgeCosts], num_microbatches: int) -> float:
    there = [c.forward_s + e.forward_s for c, e in zip(costs, edges, strict=False)]
    stages = [
        sum(there[:i]) + num_microbatches * (c.forward_s + c.backward_s) + c.update_s
        for i, c in enumerate(costs)
    ]
    back = sum(c.input_grad_s for c in costs) + sum(e.backward_s for e in edges)
    return max(*stages, sum(there) + costs[-1].forward_s + back)


def parsed(*rows: str) -> Schedule:
    """Action lists as they are drawn, e.g. ``F0 F1 B0 B1``, a row a stage."""
    return [
        [Action(stage, ActionKind(word[0]), int(word[1:])) for word in row.split()]
        for stage, row in enumerate(rows)
    ]


def test_latency_delays_every_message_and_keeps_none_waiting() -> None:
    schedule = build_schedule("gpipe", 2, 4)
    costs = [StageCosts(1.0, 1.0), StageCosts(1.0, 1.0)]
    carried = simulate(schedule, costs, [EdgeCosts(2.0, 2.0)]).makespan
    delayed = simulate(schedule, costs, [EdgeCosts(latency_s=2.0)]).makespan
    without = simulate(schedule, costs).makespan
    assert delayed == without + 2 * 2.0 < carried
