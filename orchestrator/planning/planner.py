"""Layers -> devices, schedule, microbatches: the quickest that fits the devices' memory."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from actors.core.model.facts import min_rows
from actors.core.schedule.schedules import SCHEDULES
from actors.core.units import size_text
from orchestrator.errors import InvalidRequest
from orchestrator.planning.memory_model import held_at_once
from orchestrator.planning.partition import EVEN, MANUAL, PlanRequest, split_evenly
from orchestrator.planning.plan_types import Pipelining, Plan, PlanJob, StagePlan
from orchestrator.planning.prediction import (
    copied_blocks,
    predict,
    split_problem,
    stage_schedule,
)
from orchestrator.planning.split_search import Cuts, SplitProblem, best_split, closest_split

MAX_MICROBATCHES_PER_STAGE = 8
MAX_REFINED_ACTIONS = 30_000
BALANCING = 1_000
"""With this many times the microbatches, only the time of the busiest stage counts."""
MAX_SIMULATED_ACTIONS = 20_000
MAX_EXACT_SPLITS = 2_000
CLEARLY = 0.98
"""A less simple plan has to take less than this share of the other's time."""


@dataclass(frozen=True)
class Wanted:
    """Schedule and microbatches of a train request. ``auto_…`` leaves the choice to the plan, which
    then starts from those of ``pipelining``."""

    pipelining: Pipelining
    auto_schedule: bool = False
    auto_microbatches: bool = False


def plan_job(job: PlanJob, request: PlanRequest, wanted: Wanted) -> Plan:
    """The quickest plan, its split chosen for each schedule and number of microbatches.

    Raises ``InvalidRequest`` when the layers fit in no way, or not as the request has them.
    """
    plans, refused = [], None
    for pipelining in _candidates(job, wanted):
        try:
            plans.append(_plan(job, request, pipelining))
        except InvalidRequest as error:
            refused = refused or error
    if refused is not None and not plans:
        raise refused
    return _quickest(plans)


def plan_steps(job: PlanJob, cuts: Cuts, wanted: Wanted) -> Plan:
    """The quickest plan with this split; raises ``InvalidRequest`` when none fits the memory."""
    plans = [predict(job, cuts, pipelining) for pipelining in _candidates(job, wanted)]
    fitting = [plan for plan in plans if plan.too_small is None]
    if not fitting:
        check_fits(plans[0])
    return _quickest(fitting)


def check_fits(plan: Plan) -> None:
    """Raises ``InvalidRequest`` naming the device with too little memory."""
    stage = plan.too_small
    if stage is not None:
        raise InvalidRequest(
            f"The layers do not fit as you asked: {need_text(stage)}. Give it fewer layers, or "
            f"allow more by devices.{stage.device_id}.max_memory_bytes"
        )


def need_text(stage: StagePlan) -> str:
    """The memory that the stage would need, and what its device offers."""
    text = (
        f"{stage.label} would need {stage.memory.total:,} bytes ({size_text(stage.memory.total)}) "
        f"for layers [{stage.start}, {stage.end})"
    )
    if stage.room_bytes is None:
        return f"{text} and has no limit"
    return f"{text} and offers {stage.room_bytes:,} ({size_text(stage.room_bytes)})"


def _plan(job: PlanJob, request: PlanRequest, pipelining: Pipelining) -> Plan:
    if request.kind == MANUAL:
        cuts: Cuts = (0, *(request.manual[d.device_id].end for d in job.devices))
    elif request.kind == EVEN:
        even = split_evenly(job.num_blocks, len(job.devices))
        cuts = (0, *(r.end for r in even))
    else:
        problem = split_problem(job, pipelining)
        return _refined(job, problem, pipelining, _best_cuts(job, problem, pipelining))
    plan = predict(job, cuts, pipelining)
    check_fits(plan)
    return plan


def _candidates(job: PlanJob, wanted: Wanted) -> list[Pipelining]:
    """The simpler ones first: fewer microbatches, then the schedule that was asked for."""
    asked = wanted.pipelining
    counts, names = [asked.num_microbatches], [asked.schedule]
    if wanted.auto_microbatches:
        most = min(job.batch_size, max(16, MAX_MICROBATCHES_PER_STAGE * len(job.devices)))
        each = job.recipe.accumulate
        most = max(1, min(most, job.batch_size // min_rows(job.model)) // each)
        counts = [2**i for i in range(most.bit_length())] if len(job.devices) > 1 else [1]
        counts = [each * count for count in counts]
    if wanted.auto_schedule and len(job.devices) > 1:
        names += [name for name in SCHEDULES if name != asked.schedule]
    found = [Pipelining(name, count) for count in counts for name in names]
    most_actions = MAX_SIMULATED_ACTIONS // (2 * len(job.devices))
    return [p for p in found if p.num_microbatches <= most_actions] or found[:1]


def _quickest(plans: Sequence[Plan]) -> Plan:
    best = plans[0]
    for plan in plans[1:]:
        if plan.step_s < CLEARLY * best.step_s:
            best = plan
    return best


def _best_cuts(job: PlanJob, problem: SplitProblem, pipelining: Pipelining) -> Cuts:
    """The bound's best split among those that fit.

    Two things depend on more than a stage's own ends, and the search does not see them: copies of
    the snapshots of the stage before, and the temporary memory of its largest block. So the search
    gets the error of its last try. If that leads nowhere and there are few splits, all are tried.
    """
    tried = problem
    for _ in range(4):
        cuts = best_split(tried) or closest_split(tried)
        needs = _needs(job, cuts, pipelining)
        if _fits(problem, needs):
            return cuts
        off = (
            stage.memory(a, b) - need
            for stage, a, b, need in zip(problem.stages, cuts, cuts[1:], needs, strict=False)
        )
        told = zip(problem.stages, off, strict=True)
        stages = (replace(s, room=max(1.0, s.room + o)) for s, o in told)
        tried = replace(problem, stages=tuple(stages))
    if _num_splits(problem) <= MAX_EXACT_SPLITS:
        every = problem.all_cuts()
        fitting = [c for c in every if _fits(problem, _needs(job, c, pipelining))]
        if fitting:
            return min(fitting, key=problem.step_s)
    raise InvalidRequest(_fits_nowhere(predict(job, closest_split(problem), pipelining)))


def _num_splits(problem: SplitProblem) -> float:
    count = 1.0
    for i in range(1, len(problem.stages)):
        count *= (problem.num_layers - i) / i
    return count


def _needs(job: PlanJob, cuts: Cuts, pipelining: Pipelining) -> list[int]:
    """Bytes that each stage takes, copies of the stage before included."""
    schedule = stage_schedule(job, pipelining)
    model = job.memory(pipelining.num_microbatches)
    return [
        model.of_stage(a, b, held_at_once(actions), copied_blocks(cuts, stage)).total
        for stage, (a, b, actions) in enumerate(zip(cuts, cuts[1:], schedule, strict=False))
    ]


def _fits(problem: SplitProblem, needs: Sequence[int]) -> bool:
    return all(need <= stage.room for stage, need in zip(problem.stages, needs, strict=True))


def _fits_nowhere(closest: Plan) -> str:
    needed = sum(stage.memory.total for stage in closest.stages)
    return (
        f"The network does not fit the devices' memory. It needs {needed:,} bytes "
        f"({size_text(needed)}); by the split that comes closest, "
        f"{'; '.join(need_text(stage) for stage in closest.stages)}. Register another device, "
        "allow more by devices.<id>.max_memory_bytes, or use smaller layers or batches"
    )


def _refined(job: PlanJob, problem: SplitProblem, pipelining: Pipelining, cuts: Cuts) -> Plan:
    """The bound leaves out what waits for what: some further splits are played through, the one
    that balances the stages best and those next to the best so far."""
    best = predict(job, cuts, pipelining)
    left = MAX_REFINED_ACTIONS // (2 * len(job.devices) * pipelining.num_microbatches)
    balanced = replace(problem, num_microbatches=problem.num_microbatches * BALANCING)
    further = [c for c in (best_split(balanced) if left else None, *_neighbours(cuts)) if c]
    seen = {cuts}
    while new := [c for c in further if c not in seen][:left]:
        seen.update(new)
        left -= len(new)
        plans = [predict(job, c, pipelining) for c in new]
        better = [p for p in plans if p.step_s < best.step_s and p.too_small is None]
        if not better:
            break
        best = min(better, key=lambda p: p.step_s)
        further = _neighbours(best.cuts)
    return best


def _neighbours(cuts: Cuts) -> list[Cuts]:
    """Each with one cut, or some neighbouring cuts, moved by a layer."""
    found = []
    for first in range(1, len(cuts) - 1):
        for last in range(first, len(cuts) - 1):
            for by in (-1, 1):
                moved = tuple(c + by if first <= i <= last else c for i, c in enumerate(cuts))
                if all(a < b for a, b in itertools.pairwise(moved)):
                    found.append(moved)
    return found
