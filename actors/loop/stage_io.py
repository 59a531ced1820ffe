"""A stage loop's data and the channels to its neighbours."""

from __future__ import annotations

from dataclasses import dataclass

from actors.channels.channel import Receiver, Sender
from actors.core.feeding.rows import TrainingRows, ValidationRows


@dataclass(frozen=True)
class StageLinks:
    """The ends of the channels to the neighbours; None if there is no neighbour."""

    forward_in: Receiver | None = None
    forward_out: Sender | None = None
    backward_in: Receiver | None = None
    backward_out: Sender | None = None

    def close(self) -> None:
        for end in (self.forward_in, self.forward_out, self.backward_in, self.backward_out):
            if end is not None:
                end.close()


@dataclass(frozen=True)
class StageData:
    """Inputs (first stage) and targets (last stage), as they are stored; a session's views describe
    them."""

    train_inputs: TrainingRows | None = None
    train_targets: TrainingRows | None = None
    val_inputs: ValidationRows | None = None
    val_targets: ValidationRows | None = None
