"""What is trained: the networks, their data, and the plain step that every column must match."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import torch

from actors.core.folders import Folders
from actors.core.model.model_spec import ModelSpec, mlp
from actors.core.recipe.recipe import parse_recipe
from actors.core.sources.registry import parse_source, read_source
from actors.core.sources.source_facts import CLASS
from actors.core.sources.views import SampleView, SampleViews, Scaling
from actors.core.specs import SessionSpec
from benchmarks.report import mnist_data_dir

SCALING = Scaling((0.1307,), (0.3081,), 255.0)
LEARNING_RATE = 0.05
NUM_VAL = 10


@dataclass(frozen=True)
class Cell:
    """One row of the table. Layers ``[0, cut)`` are the first stage's; ``num_steps`` make an
    epoch, the unit that is timed."""

    layer_sizes: tuple[int, ...]
    batch_size: int
    num_microbatches: int
    cut: int
    num_steps: int

    def __str__(self) -> str:
        sizes = ", ".join(map(str, self.layer_sizes))
        return f"[{sizes}] B{self.batch_size} M{self.num_microbatches}"

    @property
    def short_name(self) -> str:
        """In two lines, equal layers counted."""
        groups = [(size, len(list(own))) for size, own in itertools.groupby(self.layer_sizes)]
        sizes = ", ".join(f"{size}×{count}" if count > 1 else f"{size}" for size, count in groups)
        return f"[{sizes}]\nB{self.batch_size} M{self.num_microbatches}"

    @property
    def network(self) -> ModelSpec:
        return mlp(self.layer_sizes)

    @property
    def view(self) -> SampleView:
        """How an image becomes what the network takes."""
        return SampleView(self.network.inputs, SCALING)

    @property
    def num_train(self) -> int:
        return self.num_steps * self.batch_size

    def session(self, epochs: int, schedule: str, generation: int = 1) -> SessionSpec:
        """The same for every column; those without a pipeline take batches from it."""
        return SessionSpec(
            generation=generation,
            epochs=epochs,
            recipe=parse_recipe({"learning_rate": LEARNING_RATE}),
            batch_size=self.batch_size,
            val_batch_size=NUM_VAL,
            num_train=self.num_train,
            num_val=NUM_VAL,
            views=SampleViews(self.view, CLASS),
            num_microbatches=self.num_microbatches,
            schedule=schedule,
        )


# The cuts leave the busier stage the least work that is possible.
CELLS = tuple(
    Cell(sizes, batch_size, num_microbatches, cut, num_steps)
    for sizes, batch_size, cut, num_steps in (
        ((784, 128, 64, 10), 256, 1, 60),
        ((784, 512, 512, 512, 10), 256, 2, 30),
        ((784, 2048, 2048, 2048, 2048, 10), 512, 2, 6),
    )
    for num_microbatches in (4, 8)
)


@dataclass(frozen=True)
class Samples:
    """uint8 images ``[n, 1, 28, 28]`` and int64 labels ``[n]``, in stored order."""

    images: np.ndarray
    labels: np.ndarray

    @classmethod
    def of_mnist(cls, num_samples: int) -> Samples:
        """The first ones of MNIST's training set."""
        train = read_source(parse_source({"name": "MNIST"}), Folders(mnist_data_dir(), ())).train
        return cls(train.inputs[:num_samples].copy(), train.targets[:num_samples].copy())

    def tensors(self) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.from_numpy(self.images), torch.from_numpy(self.labels)


@dataclass(frozen=True)
class Timing:
    """What a column did: seconds a step, by epoch, and the loss of every step."""

    seconds: list[float]
    losses: list[float]
