"""Decides which checkpoints of a job are kept."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.checkpoints.manifest import CheckpointInfo


def plan_kept(infos: Iterable[CheckpointInfo], keep_last: int, keep_best: int) -> set[str]:
    """Ids of the newest ``keep_last`` (at least 1) and of the ``keep_best`` lowest losses.

    Only those taken at an epoch's end have a validation loss; of equal ones the newer is better.
    """
    assert keep_last >= 1 and keep_best >= 0, (keep_last, keep_best)
    newest = sorted(infos, key=lambda info: info.about.total_steps, reverse=True)
    losses = [(info.about.metrics["loss"], info) for info in newest]
    scored = [(loss, info) for loss, info in losses if loss is not None]
    best = [info for _, info in sorted(scored, key=lambda pair: pair[0])]
    return {info.checkpoint_id for info in [*newest[:keep_last], *best[:keep_best]]}
