"""What is measured of a job's devices and of the links between them, and by what it is found
again."""

from __future__ import annotations

from dataclasses import dataclass, replace

from actors.core.model.facts import min_rows, model_facts
from actors.core.model.model_spec import ModelSpec, TensorSpec
from actors.core.recipe.kind_spec import KindSpec
from actors.core.recipe.recipe import PLAIN_SGD
from actors.core.stages.profiles import block_works
from actors.core.tasks.task_spec import TaskSpec
from actors.probing.probe_request import ProbeRequest
from orchestrator.jobs.job import Job
from orchestrator.jobs.job_spec import default_num_microbatches
from orchestrator.sessions.measuring.link_trials import LinkQuestion
from orchestrator.sessions.stage_group import StagePlacement

FLOAT32_BYTES = 4
FINEST = 16
"""The smallest microbatch that is measured is such a part of a batch."""


@dataclass(frozen=True)
class ProbeKey:
    """Two probes of a device with the same key have the same result."""

    node_id: str
    port: int
    model: ModelSpec
    task: TaskSpec
    optimizer: KindSpec
    precision: str
    batch_size: int
    threads: int
    with_others: bool


@dataclass(frozen=True)
class LinkKey:
    """Two trials of a link with the same key have the same result."""

    nodes: tuple[str, str]
    ports: tuple[int, int]
    question: LinkQuestion


def device_key(placement: StagePlacement, job: Job, threads: int) -> ProbeKey:
    """Of the device that computes the job, while the job's others do."""
    return _compute_key(placement, job, placement.resolved.port, threads, True)


def all_cores_key(placement: StagePlacement, job: Job) -> ProbeKey:
    """Of a node that computes alone, with all its cores."""
    return _compute_key(placement, job, 0, int(placement.resolved.node.num_cpus), False)


def _compute_key(
    placement: StagePlacement, job: Job, port: int, threads: int, with_others: bool
) -> ProbeKey:
    spec = job.spec
    return ProbeKey(
        placement.resolved.node.node_id,
        port,
        _unseeded(spec.model),
        spec.task,
        spec.train.recipe.optimizer,
        spec.train.recipe.precision,
        spec.batch_size,
        threads,
        with_others,
    )


def probe_request(key: ProbeKey, budget_s: float) -> ProbeRequest:
    """The rows of the default number of microbatches first, then finer and coarser ones; alone a
    device would take the whole batch at once."""
    batch = key.batch_size
    usual = -(-batch // default_num_microbatches(batch, 2))
    asked = (usual, -(-batch // FINEST), batch) if key.with_others else (batch, usual)
    fewest = min_rows(key.model)
    rows = tuple(max(fewest, count) for count in asked)
    works, facts = block_works(key.model), model_facts(key.model)
    recipe = replace(PLAIN_SGD, optimizer=key.optimizer, precision=key.precision)
    return ProbeRequest(
        key.model, key.task, works, facts, recipe, batch, rows, key.threads, budget_s, fewest
    )


def _unseeded(model: ModelSpec) -> ModelSpec:
    """Measurements do not depend on the weights."""
    return replace(model, seed=0)


def link_key(before: StagePlacement, after: StagePlacement, job: Job, wire: str) -> LinkKey:
    nodes = before.resolved.node.node_id, after.resolved.node.node_id
    ports = before.resolved.port, after.resolved.port
    return LinkKey(nodes, ports, link_question(job, wire))


def link_question(job: Job, wire: str) -> LinkQuestion:
    """Messages of the size that the job's will have in that precision, about."""
    facts, batch = model_facts(job.spec.model), job.spec.batch_size
    inner = facts[:-1] or facts
    floats = sum(block.outputs.num_bytes for block in inner) // (FLOAT32_BYTES * len(inner))
    rows = -(-batch // default_num_microbatches(batch, 2))
    return LinkQuestion(rows, TensorSpec((max(1, floats),)), wire)
