"""How many steps a session has, and how they are divided into epochs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SessionLength:
    """``epochs`` of ``epoch_steps`` steps each, but no more than ``max_steps`` together, which may
    end the last epoch early. Epochs count from 0 within the session."""

    epoch_steps: int
    epochs: int
    max_steps: int | None = None

    @property
    def total(self) -> int:
        """Steps of the whole session."""
        return self.at(self.epochs, 0)

    def of_epoch(self, epoch: int) -> int:
        """Steps of one epoch."""
        return self.at(epoch + 1, 0) - self.at(epoch, 0)

    def at(self, epoch: int, step: int) -> int:
        """Steps done where ``epoch`` whole epochs and ``step`` steps of the next are."""
        done = epoch * self.epoch_steps + step
        return done if self.max_steps is None else min(done, self.max_steps)


def epochs_for(max_steps: int, epoch_steps: int) -> int:
    """As many epochs as this number of steps needs."""
    return -(-max_steps // epoch_steps)
