"""Takes a session from its start to its outcome; the thread of a training job runs in here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from actors.core.specs import SessionSpec
from actors.reports import StageReport
from orchestrator.datasets import StoredDataset
from orchestrator.job import Job, Session
from orchestrator.job_runner import SessionOutcome, SessionWatch
from orchestrator.manager_config import ManagerConfig
from orchestrator.metrics import device_stats, session_history, session_progress
from orchestrator.stage_group import StageGroup


def session_spec(
    job: Job, session: Session, data: StoredDataset, config: ManagerConfig
) -> SessionSpec:
    """What every stage is told."""
    spec, options = job.spec, session.options
    return SessionSpec(
        generation=job.generation,
        epochs=options.epochs,
        learning_rate=options.learning_rate,
        batch_size=spec.batch_size,
        val_batch_size=spec.val_batch_size,
        num_train=data.num_train,
        num_val=data.num_val,
        normalization=spec.normalization,
        num_microbatches=session.num_microbatches,
        schedule=options.schedule,
        shuffle=spec.shuffle,
        seed=spec.network.seed,
        first_epoch_index=session.first_epoch_index,
        channel_timeout_s=config.channel_timeout_s,
    )


def drive_session(
    job: Job,
    session: Session,
    group: StageGroup,
    data: StoredDataset,
    config: ManagerConfig,
    update: Callable[[Callable[[], None]], None],
) -> SessionOutcome:
    """Connects the stages, runs them and watches; raises ``StageFailure`` or the like.

    ``update`` runs a change of the session's record where readers can't see half of it.
    """
    spec = session_spec(job, session, data, config)
    channels = group.connect(spec, config.channel, config.actor_start_timeout_s)
    update(lambda: setattr(session, "channels", channels))
    threads = [session.threads[p.device.device_id] for p in group.placements]
    refs = group.run(spec, threads, data)

    def publish(reports: Sequence[StageReport]) -> None:
        update(lambda: _record(session, spec, group, reports))

    return SessionWatch(group, refs, config.heartbeat_timeout_s, publish).wait()


def _record(
    session: Session, spec: SessionSpec, group: StageGroup, reports: Sequence[StageReport]
) -> None:
    session.progress = session_progress(reports, spec.epochs, spec.num_steps)
    session.history = session_history(reports[-1], spec.first_epoch_index, session.index)
    session.device_stats = {
        str(p.device.device_id): device_stats(report)
        for p, report in zip(group.placements, reports, strict=True)
    }


def resolve_threads(group: StageGroup, asked: int | None) -> dict[int, int]:
    """Threads a device: what was asked, else its node's cores over the devices it offers."""
    return {p.device.device_id: asked or p.resolved.node.default_threads for p in group.placements}


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
