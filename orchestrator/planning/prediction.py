"""Predicts how long a step takes by a plan: by playing it through, and as the tables of the
bound."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np

from actors.channels.messages import HEADER_BYTES
from actors.core.model.freezing import learning_of
from actors.core.schedule.checks import EdgeCosts, StageCosts, simulate
from actors.core.schedule.schedules import Schedule, build_schedule
from actors.core.stages.profiles import LinkProfile
from orchestrator.planning.block_costs import (
    BlockCosts,
    Floats,
    block_costs,
    stage_seconds,
    without_frozen,
)
from orchestrator.planning.memory_model import SLOTS, Held, held_at_once
from orchestrator.planning.plan_types import Pipelining, Plan, PlanJob, StagePlan
from orchestrator.planning.split_search import Cuts, SplitProblem, StageTables

BOUNDED_KINDS = ("nccl", "shared_memory", "gloo")
"""Kinds of channel that have a sender wait before many messages are on their way."""

_costs = functools.lru_cache(maxsize=512)(block_costs)
_schedule = functools.lru_cache(maxsize=64)(build_schedule)


@dataclass(frozen=True)
class _Messages:
    """The time of one microbatch's messages in a stage: its own time in each pass, for one that it
    takes and one that it hands over, and the time on the way."""

    forward_s: float = 0.0
    backward_s: float = 0.0
    wire_s: float = 0.0


def predict(job: PlanJob, cuts: Cuts, pipelining: Pipelining) -> Plan:
    """The predicted step of this split."""
    count = pipelining.num_microbatches
    schedule = stage_schedule(job, pipelining)
    messages = [_messages(job, cuts, i, count) for i in range(len(job.devices))]
    costs = [_stage_costs(job, cuts, i, count, messages[i]) for i in range(len(job.devices))]
    edges = [_edge_costs(job, cuts, i, count) for i in range(len(job.links))]
    bounded = any(link.kind in BOUNDED_KINDS for link in job.links)
    simulation = simulate(schedule, costs, edges, slots=SLOTS if bounded else None)
    step_s = simulation.period + _clipping_s(job)
    stages = tuple(
        _stage_plan(job, cuts, i, pipelining, (simulation.busy[i], step_s), messages[i])
        for i in range(len(costs))
    )
    busy_s = sum(stage.computing_s + stage.updating_s for stage in stages)
    bubble = max(0.0, 1 - busy_s / (step_s * len(stages)))
    return Plan(pipelining, cuts, step_s, bubble, stages, job.links)


def _clipping_s(job: PlanJob) -> float:
    """For a norm of all gradients: a small message over each edge, and one back."""
    if job.recipe.clip_grad_norm is None:
        return 0.0
    return sum(2 * link.delivery_s(HEADER_BYTES) for link in job.links)


def alone(job: PlanJob, index: int, num_microbatches: int, all_cores: bool = False) -> Plan | None:
    """The same on one device; None if its speed with all cores was not measured."""
    device = job.devices[index]
    if all_cores:
        if device.profile.all_cores is None:
            return None
        device = replace(device, profile=replace(device.profile, own=device.profile.all_cores))
    single = replace(job, devices=(device,), links=())
    return predict(single, (0, job.num_blocks), Pipelining("1f1b", num_microbatches))


def split_problem(job: PlanJob, pipelining: Pipelining) -> SplitProblem:
    """The tables for the search; copies of other stages' snapshots are left out of the memory."""
    schedule = stage_schedule(job, pipelining)
    stages = tuple(
        _tables(job, i, pipelining.num_microbatches, schedule) for i in range(len(job.devices))
    )
    return SplitProblem(stages, job.num_blocks, pipelining.num_microbatches)


def stage_schedule(job: PlanJob, pipelining: Pipelining) -> Schedule:
    """The actions of each of the job's stages."""
    return _schedule(pipelining.schedule, len(job.devices), pipelining.num_microbatches)


def copied_blocks(cuts: Cuts, stage: int) -> tuple[int, int] | None:
    """The blocks of which a stage keeps copies: those of the stage before; the first stage keeps
    those of the last. None for one that trains alone."""
    if len(cuts) == 2:
        return None
    return (cuts[stage - 1], cuts[stage]) if stage else (cuts[-2], cuts[-1])


def _block_costs(job: PlanJob, stage: int, num_microbatches: int) -> BlockCosts:
    own = job.devices[stage].profile.own
    costs = _costs(own, job.model, job.rows(num_microbatches))
    return without_frozen(costs, job.facts) if job.recipe.freeze else costs


def _stage_costs(
    job: PlanJob, cuts: Cuts, stage: int, num_microbatches: int, messages: _Messages
) -> StageCosts:
    """A stage takes and hands over its messages itself: that counts to what needs and makes them.
    Taking one is as much work as handing it over."""
    costs = _block_costs(job, stage, num_microbatches)
    seconds = stage_seconds(costs, cuts[stage], cuts[stage + 1])
    if not _goes_back(job, cuts[stage + 1]):
        return StageCosts(seconds.forward_s + messages.forward_s, 0.0, 0.0, 0.0, 0.0)
    return StageCosts(
        seconds.forward_s + messages.forward_s,
        seconds.backward_s + messages.backward_s,
        seconds.input_grad_s + messages.backward_s,
        seconds.weight_grad_s,
        seconds.update_s,
    )


def _messages(job: PlanJob, cuts: Cuts, stage: int, num_microbatches: int) -> _Messages:
    forward_s = backward_s = wire_s = 0.0
    before, after = _links_of(job, stage)
    if after is not None:
        num_bytes = job.message_bytes(cuts[stage + 1], num_microbatches)
        forward_s = after.sending_s(num_bytes)
        backward_s = after.taking_s(num_bytes) if _goes_back(job, cuts[stage + 1]) else 0.0
        wire_s = after.delivery_s(num_bytes)
    if before is not None:
        num_bytes = job.message_bytes(cuts[stage], num_microbatches)
        forward_s += before.taking_s(num_bytes)
        backward_s += before.sending_s(num_bytes) if _goes_back(job, cuts[stage]) else 0.0
        wire_s += before.delivery_s(num_bytes)
    return _Messages(forward_s, backward_s, wire_s)


def _goes_back(job: PlanJob, cut: int) -> bool:
    """Whether gradients cross there: not where all before is frozen."""
    return learning_of(job.model, job.recipe.freeze).passes_back(cut)


def _links_of(job: PlanJob, stage: int) -> tuple[LinkProfile | None, LinkProfile | None]:
    """The links before and behind a stage."""
    before = job.links[stage - 1] if stage > 0 else None
    return before, job.links[stage] if stage < len(job.links) else None


def _edge_costs(job: PlanJob, cuts: Cuts, edge: int, num_microbatches: int) -> EdgeCosts:
    link = job.links[edge]
    num_bytes = job.message_bytes(cuts[edge + 1], num_microbatches)
    on_its_way_s = link.delivery_s(num_bytes) - link.sending_s(num_bytes) - link.taking_s(num_bytes)
    carried_s = min(on_its_way_s, link.carrying_s(num_bytes))
    back_s = carried_s if _goes_back(job, cuts[edge + 1]) else 0.0
    return EdgeCosts(carried_s, back_s, on_its_way_s - carried_s)


def _stage_plan(
    job: PlanJob,
    cuts: Cuts,
    stage: int,
    pipelining: Pipelining,
    busy_and_step_s: tuple[float, float],
    messages: _Messages,
) -> StagePlan:
    device, count = job.devices[stage], pipelining.num_microbatches
    busy_s, step_s = busy_and_step_s
    sending_s = count * (messages.forward_s + messages.backward_s)
    costs = _block_costs(job, stage, count)
    trains = _goes_back(job, cuts[stage + 1])
    updating_s = stage_seconds(costs, cuts[stage], cuts[stage + 1]).update_s if trains else 0.0
    schedule = stage_schedule(job, pipelining)
    held = held_at_once(schedule[stage])
    need = job.memory(count).of_stage(
        cuts[stage], cuts[stage + 1], held, copied_blocks(cuts, stage)
    )
    return StagePlan(
        device.device_id,
        device.label,
        cuts[stage],
        cuts[stage + 1],
        device.profile.own.threads,
        busy_s - updating_s - sending_s,
        updating_s,
        max(0.0, step_s - busy_s + sending_s),
        sending_s,
        count * messages.wire_s,
        held.forward,
        need,
        device.room_bytes,
    )


def _tables(job: PlanJob, stage: int, num_microbatches: int, schedule: Schedule) -> StageTables:
    costs = _block_costs(job, stage, num_microbatches)
    num_blocks, over = job.num_blocks, costs.overhead
    before, after = _links_of(job, stage)
    num_bytes = np.array(
        [job.message_bytes(cut, num_microbatches) for cut in range(num_blocks + 1)], np.float64
    )
    back = np.array([_goes_back(job, cut) for cut in range(num_blocks + 1)])
    compute = _cumulated(costs.forward_s + costs.backward_s)
    load = np.where(np.arange(num_blocks + 1) == 0, costs.load_s, 0.0)
    update = _cumulated(costs.update_s)
    behind, ahead, wire = 0.0 * num_bytes, 0.0 * num_bytes, 0.0 * num_bytes
    if after is not None:
        sent, taken = _handled(after, num_bytes)
        behind = sent + np.where(back, taken, 0.0)
        on_its_way_s = after.latency_s + num_bytes / after.bytes_per_s - sent - taken
        wire = np.where(back, 2.0, 1.0) * on_its_way_s
    if before is not None:
        sent, taken = _handled(before, num_bytes)
        ahead = taken + np.where(back, sent, 0.0)
    memory_end, memory_start = _memory_tables(job, num_microbatches, held_at_once(schedule[stage]))
    room = job.devices[stage].room_bytes
    return StageTables(
        compute,
        compute + behind + over.forward_s + np.where(back, over.backward_s, 0.0),
        compute - ahead - load,
        update + np.where(back, over.update_s, 0.0),
        update,
        wire,
        memory_end,
        memory_start,
        float("inf") if room is None else room,
    )


def _handled(link: LinkProfile, num_bytes: Floats) -> tuple[Floats, Floats]:
    """Seconds for handing over messages of these sizes, and for taking them."""
    sent = np.array([link.sending_s(size) for size in num_bytes])
    return sent, np.array([link.taking_s(size) for size in num_bytes])


def _cumulated(values: Floats) -> Floats:
    return np.concatenate([[0.0], np.cumsum(values)])


def _memory_tables(job: PlanJob, num_microbatches: int, held: Held) -> tuple[Floats, Floats]:
    """``MemoryModel.of_stage`` but for the copies, and with what the model's largest block takes
    for a while, whichever blocks the stage has: so never less."""
    model, count = job.memory(num_microbatches), job.num_blocks
    added = np.array([model.of_block(i, held).total for i in range(count)], np.float64)
    messages = np.array([model.messages_at(cut, held) for cut in range(count + 1)], np.float64)
    blocks = _cumulated(added)
    return blocks + messages + model.largest_passing(), blocks - messages
