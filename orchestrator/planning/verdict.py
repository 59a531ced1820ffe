"""Whether devices are worth combining, in a sentence, and another plan worth a change."""

from __future__ import annotations

from dataclasses import dataclass

from actors.core.units import size_text
from orchestrator.planning.plan_types import Plan, PlanJob, StagePlan
from orchestrator.planning.prediction import alone
from orchestrator.proof.bit_equality import given_up

NUMBERS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")
NOTABLE = 0.05
"""Share of a step: from here on the verdict mentions how much more the busiest device has to do
than the next one."""
HYSTERESIS = 1.1
"""A plan must be faster by this factor to be worth a change."""


@dataclass(frozen=True)
class Single:
    """The quickest device alone: its seconds a step, and with how many threads, or by which
    accelerator."""

    device_id: int
    threads: int
    step_s: float
    accelerator: str | None = None


@dataclass(frozen=True)
class Verdict:
    """``same_threads`` is the fastest single device with the plan's threads, ``all_cores`` the
    fastest with all of its own; None if no device has the memory, or it was not measured.
    ``slowest_device_id`` is the one that is busy longest, by ``held_up_s`` in a step longer than
    the next."""

    worth_combining: bool
    text: str
    step_s: float
    same_threads: Single | None
    all_cores: Single | None
    slowest_device_id: int
    held_up_s: float


def judge(job: PlanJob, plan: Plan, num_microbatches_alone: int) -> Verdict:
    """``num_microbatches_alone`` is how one device would cut up its batches."""
    same = _best(job, num_microbatches_alone, all_cores=False)
    every = _best(job, num_microbatches_alone, all_cores=True)
    busiest, held_up_s = _busiest(plan)
    rivals = [single for single in (same, every) if single is not None]
    best = min(rivals, key=lambda single: single.step_s, default=None)
    if len(job.devices) == 1:
        worth, text = False, _one_device(plan, best)
    elif best is None:
        worth, text = True, _only_together(job, plan, num_microbatches_alone)
    elif plan.step_s < best.step_s:
        worth, text = True, _worth(plan, best, same) + _slowed(plan, busiest, held_up_s)
    else:
        worth, text = False, _not_worth(plan, best)
    for what in given_up(job.recipe.wire, len(job.devices)):
        text += f" Bits are given up, {what}."
    return Verdict(worth, text, plan.step_s, same, every, busiest.device_id, held_up_s)


def is_worth_a_change(current_s: float, other_s: float) -> bool:
    """Whether the other plan's step is shorter by ``HYSTERESIS``."""
    return current_s >= HYSTERESIS * other_s


def _best(job: PlanJob, num_microbatches: int, all_cores: bool) -> Single | None:
    found = []
    for index, device in enumerate(job.devices):
        plan = alone(job, index, num_microbatches, all_cores)
        if plan is not None and plan.too_small is None:
            threads, own = plan.stages[0].threads, device.profile.accelerator
            found.append(Single(device.device_id, threads, plan.step_s, own))
    return min(found, key=lambda single: single.step_s, default=None)


def _busiest(plan: Plan) -> tuple[StagePlan, float]:
    """And how much longer it is busy than the next one."""
    ordered = sorted(plan.stages, key=_busy_s, reverse=True)
    return ordered[0], _busy_s(ordered[0]) - (_busy_s(ordered[1]) if len(ordered) > 1 else 0.0)


def _busy_s(stage: StagePlan) -> float:
    return stage.computing_s + stage.updating_s + stage.sending_s


def _worth(plan: Plan, best: Single, same: Single | None) -> str:
    text = (
        f"{_count(len(plan.stages))} devices train this {_ratio(best.step_s / plan.step_s)} times "
        f"as fast as {_alone(best)} ({_ms(plan.step_s)} against {_ms(best.step_s)} a step)"
    )
    if same is not None and same.step_s > best.step_s:
        text += f", and {_ratio(same.step_s / plan.step_s)} times as fast as {_alone(same)}"
    return text


def _slowed(plan: Plan, busiest: StagePlan, held_up_s: float) -> str:
    if held_up_s < NOTABLE * plan.step_s:
        return "."
    return (
        f"; device {busiest.device_id} has the most to do and holds it up for "
        f"{_ms(held_up_s)} a step."
    )


def _not_worth(plan: Plan, best: Single) -> str:
    busy_s = max(_busy_s(stage) for stage in plan.stages)
    if busy_s < best.step_s:
        why = f"; even the busiest device waits {_ms(plan.step_s - busy_s)} for messages"
    else:
        why = f"; even without waiting, one of them is busy for {_ms(busy_s)}"
    return (
        f"Not worth combining: {_alone(best)} takes {_ms(best.step_s)} a step, "
        f"{_count(len(plan.stages)).lower()} devices together {_ms(plan.step_s)}{why}."
    )


def _one_device(plan: Plan, best: Single | None) -> str:
    text = f"One device trains alone, {_ms(plan.step_s)} a step: there is nothing to combine"
    if best is not None and best.step_s < plan.step_s:
        text += f"; {_alone(best)} would take {_ms(best.step_s)}"
    return f"{text}."


def _only_together(job: PlanJob, plan: Plan, num_microbatches: int) -> str:
    needs = []
    for index in range(len(job.devices)):
        single = alone(job, index, num_microbatches)
        assert single is not None
        stage = single.stages[0]
        needs.append((stage.memory.total - (stage.room_bytes or 0), stage))
    _, closest = min(needs, key=lambda need: need[0])
    return (
        "Only together do the devices have enough memory for this: alone, device "
        f"{closest.device_id} would need {size_text(closest.memory.total)} and offers "
        f"{size_text(closest.room_bytes or 0)}. Together a step takes {_ms(plan.step_s)}."
    )


def _alone(single: Single) -> str:
    if single.accelerator is not None:
        return f"device {single.device_id} alone on its {single.accelerator}"
    threads = "1 thread" if single.threads == 1 else f"{single.threads} threads"
    return f"device {single.device_id} alone with {threads}"


def _count(number: int) -> str:
    return NUMBERS[number] if number < len(NUMBERS) else str(number)


def _ratio(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"


def _ms(seconds: float) -> str:
    ms = seconds * 1000
    return f"{ms:.0f} ms" if ms >= 10 else f"{ms:.1f} ms"
