"""Sessions and their results, made without training."""

from __future__ import annotations

from typing import Any

from orchestrator.errors import StorageUnavailable
from orchestrator.jobs.job import Session
from orchestrator.jobs.train_options import TrainOptions


def make_session(**changes: Any) -> Session:
    """The first one of a job."""
    values: dict[str, Any] = {"index": 1, "options": TrainOptions(epochs=3)}
    values |= {"num_microbatches": 1, "first_epoch_index": 0}
    return Session(**{**values, **changes})


def refuse(*_: object) -> None:
    """Stands for a write to a full disk."""
    raise StorageUnavailable("the disk is full")
