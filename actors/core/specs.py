"""What a stage is told: frozen, picklable descriptions, decided elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field

from actors.core.snapshots import Cursor


@dataclass(frozen=True)
class NetworkSpec:
    """A stack of linear layers with ReLU between and cross-entropy on the last.

    ``layer_sizes`` has one entry more than there are layers; layer i maps
    ``layer_sizes[i]`` features to ``layer_sizes[i + 1]``.
    """

    layer_sizes: tuple[int, ...]
    seed: int = 0

    @property
    def num_layers(self) -> int:
        return len(self.layer_sizes) - 1

    @property
    def num_parameters(self) -> int:
        """Weights and biases of all layers."""
        pairs = zip(self.layer_sizes, self.layer_sizes[1:], strict=False)
        return sum((inputs + 1) * outputs for inputs, outputs in pairs)


@dataclass(frozen=True)
class StageSpec:
    """One stage: layers ``[start, end)`` of the network, stage ``index`` of ``num_stages``."""

    network: NetworkSpec
    index: int
    num_stages: int
    start: int
    end: int

    @property
    def is_first(self) -> bool:
        return self.index == 0

    @property
    def is_last(self) -> bool:
        return self.index == self.num_stages - 1

    @property
    def num_inputs(self) -> int:
        """Features of one sample that enters the stage."""
        return self.network.layer_sizes[self.start]

    @property
    def num_outputs(self) -> int:
        """Features of one sample that leaves the stage."""
        return self.network.layer_sizes[self.end]


@dataclass(frozen=True)
class Normalization:
    """``(x / 255 - mean) / std`` for uint8 x, in float32."""

    mean: float
    std: float


@dataclass(frozen=True)
class SessionSpec:
    """One training session, the same for every stage of the group.

    ``start`` is where this generation begins; 0 but for a session that goes on.
    ``first_epoch_index`` counts the epochs begun since the weights were drawn, so that a second
    session shuffles on where the first one ended. ``max_lost_steps`` bounds the steps that the
    loss of one stage costs; None stands for about a second's worth. ``batch_size`` may exceed
    ``num_train``; the last batch of an epoch may be smaller. ``threads`` is the stage's own
    (intra-op) count. The messages of so many ``joined`` microbatches go together where a channel
    can do that.
    """

    generation: int
    epochs: int
    learning_rate: float
    batch_size: int
    val_batch_size: int
    num_train: int
    num_val: int
    normalization: Normalization
    num_microbatches: int = 1
    schedule: str = "1f1b"
    threads: int = 1
    shuffle: bool = True
    seed: int = 0
    first_epoch_index: int = 0
    channel_timeout_s: float = 60.0
    momentum: float = 0.0
    start: Cursor = field(default_factory=Cursor)
    max_lost_steps: int | None = None
    joined: int = 1

    @property
    def num_steps(self) -> int:
        """Optimiser steps in one epoch."""
        return -(-self.num_train // self.batch_size)

    @property
    def max_rows(self) -> int:
        """Rows of the largest message: a training microbatch or a validation chunk."""
        batch = min(self.batch_size, self.num_train)
        return max(-(-batch // self.num_microbatches), min(self.val_batch_size, self.num_val))
