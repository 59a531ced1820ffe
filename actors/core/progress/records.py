"""The last stage's records of finished steps and epochs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class TrainedStep:
    """One finished step; epoch and step count from 1 within the session. ``metrics`` are those of a
    validation after it, if there was one within the epoch."""

    epoch: int
    step: int
    loss: float
    metrics: Mapping[str, float | None] | None = None


@dataclass(frozen=True)
class EpochRecord:
    """One finished epoch, as the last stage saw it; ``epoch`` counts from 1 within the session.

    ``train_loss`` is a mean over what the task averages over. ``metrics`` are those of validation,
    by name, ``loss`` among them; None for one without a finite value. ``samples_per_s`` leaves out
    validation, and the part of the epoch that an earlier generation trained.
    """

    epoch: int
    train_loss: float
    metrics: Mapping[str, float | None]
    samples_per_s: float


@dataclass(frozen=True)
class Untold:
    """Records that no answered poll has carried yet. They go with the snapshots, so that none is
    lost with the last stage."""

    epochs: tuple[EpochRecord, ...] = ()
    steps: tuple[TrainedStep, ...] = ()
