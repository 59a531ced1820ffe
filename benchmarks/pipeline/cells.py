"""The cells: the networks, their data, and the plain step that every column must match."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from actors.core.architectures.registry import Ends, expand
from actors.core.folders import Folders
from actors.core.model.model_spec import ModelSpec, TensorSpec, mlp
from actors.core.model.parse import parse_layers
from actors.core.recipe.recipe import parse_recipe
from actors.core.sources.registry import parse_source, read_source
from actors.core.sources.source_facts import CLASS
from actors.core.sources.views import SampleView, SampleViews, Scaling
from actors.core.stages.specs import SessionSpec
from actors.core.tasks.loss import Loss
from actors.core.tasks.task_spec import CLASSIFICATION, TaskSpec
from benchmarks.report import mnist_data_dir

SCALING = Scaling((0.1307,), (0.3081,), 255.0)
LEARNING_RATE = 0.05
NUM_VAL = 10
NUM_CLASSES = 10
CONTEXT = 64
VOCABULARY = 65


@dataclass(frozen=True)
class Cell:
    """One row of the table. Blocks ``[0, cut)`` are the first stage's; ``num_steps`` make an
    epoch, the unit that is timed. ``model_config`` asks the API for the network."""

    name: str
    network: ModelSpec
    batch_size: int
    num_microbatches: int
    cut: int
    num_steps: int
    model_config: Mapping[str, Any] = field(compare=False)
    task: TaskSpec = CLASSIFICATION

    def __str__(self) -> str:
        return f"{self.name} B{self.batch_size} M{self.num_microbatches}"

    @property
    def short_name(self) -> str:
        """In two lines."""
        return f"{self.name}\nB{self.batch_size} M{self.num_microbatches}"

    @property
    def is_text(self) -> bool:
        return self.network.inputs.dtype == "int64"

    @property
    def views(self) -> SampleViews:
        """How samples become the network's inputs."""
        if self.is_text:
            tokens = SampleView(self.network.inputs)
            return SampleViews(tokens, tokens)
        return SampleViews(SampleView(self.network.inputs, SCALING), CLASS)

    @property
    def num_train(self) -> int:
        return self.num_steps * self.batch_size

    @property
    def loss(self) -> Loss:
        return Loss(self.task)

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
            views=self.views,
            task=self.task,
            num_microbatches=self.num_microbatches,
            schedule=schedule,
        )


@dataclass(frozen=True)
class Samples:
    """As they are stored: uint8 images ``[n, 1, 28, 28]`` with int64 labels ``[n]``, or tokens
    int64 ``[n, CONTEXT]`` with tokens."""

    inputs: npt.NDArray[np.generic]
    targets: npt.NDArray[np.generic]

    @classmethod
    def of(cls, cell: Cell) -> Samples:
        """The first images of MNIST's training set, or tokens that are drawn: what they say makes
        no difference to the time."""
        if not cell.is_text:
            folders = Folders(mnist_data_dir(), ())
            train = read_source(parse_source({"name": "MNIST"}), folders).train
            return cls(train.inputs[: cell.num_train], train.targets[: cell.num_train])
        draw = np.random.default_rng(0)
        tokens = draw.integers(0, VOCABULARY, (cell.num_train, CONTEXT + 1))
        inputs, targets = tokens[:, :-1], tokens[:, 1:]
        return cls(np.ascontiguousarray(inputs), np.ascontiguousarray(targets))

    def tensors(self) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.from_numpy(self.inputs.copy()), torch.from_numpy(self.targets.copy())


@dataclass(frozen=True)
class Timing:
    """What a column did: seconds a step, by epoch, and the loss of every step."""

    seconds: list[float]
    losses: list[float]


def mlp_cell(
    sizes: Sequence[int], batch_size: int, num_microbatches: int, cut: int, num_steps: int
) -> Cell:
    """Named by its sizes, equal ones counted."""
    groups = [(size, len(list(own))) for size, own in itertools.groupby(sizes)]
    name = ", ".join(f"{size}×{count}" if count > 1 else f"{size}" for size, count in groups)
    config = {"layer_sizes": list(sizes)}
    network = mlp(tuple(sizes))
    return Cell(f"[{name}]", network, batch_size, num_microbatches, cut, num_steps, config)


CNN = {"architecture": "cnn"}
"""Twice convolution, batch norm, ReLU, pooling; then two linear layers."""
GPT = {
    "architecture": "gpt",
    "config": {"embed_dim": 128, "depth": 4, "num_heads": 4, "dropout": 0.0},
}
IMAGES = Ends(TensorSpec((1, 28, 28)), TensorSpec((NUM_CLASSES,)))
TOKENS = Ends(TensorSpec((CONTEXT,), "int64"), TensorSpec((CONTEXT, VOCABULARY)))


def _expanded(config: Mapping[str, Any], ends: Ends) -> ModelSpec:
    layers = expand(config["architecture"], config.get("config", {}), ends, "config")
    return ModelSpec(parse_layers(layers, ends.inputs, "layers").layers, ends.inputs)


# The cuts leave the busier stage the least work that is possible. The CNN's messages have 0.4, 1.6,
# 6.4 and 12.8 MB.
CELLS = (
    *(
        mlp_cell(sizes, batch_size, num_microbatches, cut, num_steps)
        for sizes, batch_size, cut, num_steps in (
            ((784, 128, 64, 10), 256, 1, 60),
            ((784, 512, 512, 512, 10), 256, 2, 30),
            ((784, 2048, 2048, 2048, 2048, 10), 512, 2, 6),
        )
        for num_microbatches in (4, 8)
    ),
    *(
        Cell("CNN", _expanded(CNN, IMAGES), batch_size, 4, 2, num_steps, CNN)
        for batch_size, num_steps in ((64, 20), (256, 6), (1024, 2), (2048, 1))
    ),
    Cell("GPT", _expanded(GPT, TOKENS), 16, 4, 4, 10, GPT, TaskSpec("next_token")),
)
