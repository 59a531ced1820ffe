"""A stage loop's data and the channels to its neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from actors.channels.channel import Receiver, Sender


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
    """The arrays with the inputs (first stage) and targets (last stage), as they are stored; a
    session's views describe them."""

    train_inputs: torch.Tensor | None = None
    train_targets: torch.Tensor | None = None
    val_inputs: torch.Tensor | None = None
    val_targets: torch.Tensor | None = None
