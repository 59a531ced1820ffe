"""Makes the specification that a session sends to its stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from actors.core.patience import patience_s
from actors.core.progress.snapshots import Cursor
from actors.core.stages.specs import SessionSpec
from orchestrator.data.stored_splits import StoredDataset
from orchestrator.jobs.job import Job, Session
from orchestrator.jobs.train_options import TrainOptions
from orchestrator.manager.manager_config import ManagerConfig
from orchestrator.planning.job_planning import JobPlanning
from orchestrator.proof.bit_equality import ComputedLayers
from orchestrator.sessions.stage_group import StageGroup, state_bytes


def session_spec(
    job: Job, session: Session, data: StoredDataset, config: ManagerConfig, start: Cursor
) -> SessionSpec:
    """The same for every stage of the present generation, which goes on from ``start``."""
    spec, options = job.spec, session.options
    return SessionSpec(
        generation=job.generation,
        epochs=options.epochs,
        batch_size=spec.batch_size * options.recipe.accumulate,
        val_batch_size=spec.val_batch_size,
        num_train=data.num_train,
        num_val=data.num_val,
        views=spec.views,
        num_microbatches=session.num_microbatches,
        schedule=options.schedule,
        shuffle=spec.shuffle,
        seed=spec.model.seed,
        first_epoch_index=session.first_epoch_index,
        # Whoever waits for a message may wait for the sender's snapshot to travel, too.
        channel_timeout_s=patience_s(state_bytes(spec.model), config.channel_timeout_s),
        recipe=options.recipe,
        max_steps=options.max_steps,
        start=start,
        max_lost_steps=job.failure_policy.max_lost_steps,
        task=spec.task,
    )


def resolve_threads(group: StageGroup, asked: int | None, planning: JobPlanning) -> dict[int, int]:
    """Threads for each device: the number asked for, or its node's cores divided by the devices
    that the node offers; never more than its owner allows."""
    return {
        p.device.device_id: planning.threads(
            p.device.device_id, asked, p.resolved.node.default_threads
        )
        for p in group.placements
    }


def computed_layers(group: StageGroup, threads: Mapping[int, int]) -> list[ComputedLayers]:
    """What the present generation computes with; ``threads`` by device."""
    return [
        ComputedLayers(
            p.spec.start,
            p.spec.end,
            threads[p.device.device_id],
            asdict(group.hosts[p.device.device_id]),
            (p.device.device_id,),
        )
        for p in group.placements
    ]


def new_session(job: Job, options: TrainOptions, num_microbatches: int) -> Session:
    """The job's next, which is not yet its own."""
    session = Session(job.num_sessions + 1, options, num_microbatches, job.epochs_begun)
    session.progress = empty_progress(options.epochs)
    return session


def empty_progress(epochs: int) -> dict[str, Any]:
    """Progress before the first report."""
    return {
        "epoch": 0,
        "epochs": epochs,
        "step": 0,
        "steps": None,
        "loss": None,
        "samples_per_s": 0.0,
    }
