"""What a stage tells of itself while it trains and after: frozen, picklable, cheap to make."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class StageSeconds:
    """Seconds a stage has spent so far in training steps, by what for; validation is left out.

    ``load_s`` is gathering and normalising the inputs, ``wait_s`` all waiting at channels.
    """

    load_s: float = 0.0
    forward_s: float = 0.0
    backward_s: float = 0.0
    update_s: float = 0.0
    wait_s: float = 0.0


@dataclass(frozen=True)
class Progress:
    """Where a stage is: epoch and step count from 1 within the session; loss is the step's."""

    epoch: int = 0
    step: int = 0
    loss: float | None = None
    samples_per_s: float = 0.0


@dataclass(frozen=True)
class EpochRecord:
    """One finished epoch, as the last stage saw it; ``epoch`` counts from 1 within the session.

    ``train_loss`` and ``val_loss`` are means over samples; ``samples_per_s`` leaves out validation.
    """

    epoch: int
    train_loss: float
    val_loss: float
    val_accuracy: float
    samples_per_s: float


@dataclass(frozen=True)
class StageReport:
    """A stage's answer to a poll. Flops are totals of the training steps done so far."""

    progress: Progress
    epochs: tuple[EpochRecord, ...]
    seconds: StageSeconds
    forward_flops: int
    backward_flops: int
    max_held: int


@dataclass
class ReportBoard:
    """What the stage loop writes and a poll reads; single writes only, so no lock is needed."""

    progress: Progress = field(default_factory=Progress)
    epochs: list[EpochRecord] = field(default_factory=list)
    seconds: StageSeconds = field(default_factory=StageSeconds)
    forward_flops: int = 0
    backward_flops: int = 0
    max_held: int = 0

    def snapshot(self) -> StageReport:
        return StageReport(
            self.progress,
            tuple(self.epochs),
            StageSeconds(**vars(self.seconds)),
            self.forward_flops,
            self.backward_flops,
            self.max_held,
        )
