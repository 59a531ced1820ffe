"""A plan, its verdict and what was measured of it, as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from actors.core.stages.flops import FLOPS_PER_TFLOP
from orchestrator.planning.plan_types import Plan, PlanJob, StagePlan
from orchestrator.planning.verdict import Verdict

PARTS = {
    "computing_s": ("computing_s", "loading_s"),
    "updating_s": ("updating_s",),
    "waiting_s": ("waiting_s", "wire_s"),
    "snapshots_s": ("snapshots_s",),
}
"""What a plan tells apart -> what is measured of it. An earlier version counted loading as
computing, and the wire as waiting."""


@dataclass(frozen=True)
class Measured:
    """The measured steps of a session: seconds of a step, and by device id its parts
    ``computing_s``, ``updating_s``, ``waiting_s``, ``snapshots_s``."""

    step_s: float
    devices: Mapping[str, Mapping[str, float]]
    threads: Mapping[str, int]


def plan_json(
    job_id: str, partition: Any, job: PlanJob, plan: Plan, verdict: Verdict
) -> dict[str, Any]:
    """``partition`` as it was asked for."""
    return {
        "job_id": job_id,
        "partition": partition,
        "schedule": plan.pipelining.schedule,
        "num_microbatches": plan.pipelining.num_microbatches,
        "batch_size": job.batch_size,
        "wire": job.recipe.wire,
        "step_s": plan.step_s,
        "samples_per_s": job.batch_size / plan.step_s,
        "bubble": plan.bubble,
        "channels": [link.kind for link in plan.links],
        "devices": [_device(job, index, stage) for index, stage in enumerate(plan.stages)],
        "links": [_link(job, plan, index) for index in range(len(plan.links))],
        "verdict": asdict(verdict),
    }


def measured_session(
    batch_size: int,
    history: Sequence[Mapping[str, Any]],
    progress: Mapping[str, Any],
    device_stats: Mapping[str, Mapping[str, Any]],
    threads: Mapping[int, int],
) -> Measured | None:
    """From a session's records; None before its first step. The first epoch counts only if there is
    no other, because its first steps are slower."""
    rates = [epoch["samples_per_s"] for epoch in history]
    rates = sorted(rates[1:] or rates) or [progress.get("samples_per_s") or 0.0]
    rate = rates[len(rates) // 2]
    if not rate or not device_stats:
        return None
    step_s = batch_size / rate
    devices = {}
    for device_id, stats in device_stats.items():
        spent = {part: sum(stats.get(name, 0.0) for name in names) for part, names in PARTS.items()}
        total_s = sum(spent.values()) or 1.0
        devices[device_id] = {part: step_s * spent_s / total_s for part, spent_s in spent.items()}
    return Measured(step_s, devices, {str(i): n for i, n in threads.items()})


def measured_json(plan: Plan, measured: Measured | None) -> dict[str, Any] | None:
    """Beside what was predicted; ``error`` is by how much that was too long, as a share of what
    was measured. ``note`` says why the two may differ."""
    if measured is None:
        return None
    planned = {str(stage.device_id): stage.threads for stage in plan.stages}
    others = [i for i, n in measured.threads.items() if planned.get(i, n) != n]
    note = None
    if others:
        note = (
            f"Device {', '.join(others)} was measured with another number of threads than it "
            "trained with: initialize with devices.<id>.threads to make the plan match"
        )
    return {
        "step_s": measured.step_s,
        "predicted_step_s": plan.step_s,
        "error": plan.step_s / measured.step_s - 1,
        "devices": {key: dict(parts) for key, parts in measured.devices.items()},
        "note": note,
    }


def _device(job: PlanJob, index: int, stage: StagePlan) -> dict[str, Any]:
    profile = job.devices[index].profile
    return {
        "device_id": stage.device_id,
        "layers": [stage.start, stage.end],
        "threads": stage.threads,
        "cores": profile.cores,
        "accelerator": profile.accelerator,
        "memory_bytes": profile.memory_bytes,
        "matmul_tflops": profile.own.matmul_flops_per_s / FLOPS_PER_TFLOP,
        "computing_s": stage.computing_s,
        "updating_s": stage.updating_s,
        "waiting_s": stage.waiting_s,
        "wire_s": stage.wire_s,
        "activations_held": stage.held,
        "memory": {"needed_bytes": stage.memory.total, "limit_bytes": stage.room_bytes}
        | {f"{name}_bytes": size for name, size in asdict(stage.memory).items()},
    }


def _link(job: PlanJob, plan: Plan, index: int) -> dict[str, Any]:
    link, cut = plan.links[index], plan.cuts[index + 1]
    num_bytes = job.message_bytes(cut, plan.pipelining.num_microbatches)
    return {
        "devices": [plan.stages[index].device_id, plan.stages[index + 1].device_id],
        "kind": link.kind,
        "latency_s": link.latency_s,
        "bytes_per_s": link.bytes_per_s,
        "message_bytes": num_bytes,
        "message_s": link.delivery_s(num_bytes),
    }
