"""The document's MNIST job in a plain loop: what every way of training it must give."""

from __future__ import annotations

import functools

import torch

from actors.core.model.model_spec import mlp
from actors.core.recipe.recipe import parse_recipe
from actors.core.sources.samples import Samples
from actors.core.stages.specs import SessionSpec
from tests.support.in_process import Pipeline, build_pipeline
from tests.support.jobs import LAYER_SIZES
from tests.support.mnist import mnist_dir
from tests.support.plain_loop import PlainResult, train_plainly
from tests.support.sources import read, views
from tests.support.undisturbed import metrics_of

NETWORK = mlp(tuple(LAYER_SIZES))
NUM_MICROBATCHES = 2
DATASET = {
    "name": "MNIST",
    "batch_size": 256,
    "val_batch_size": 1000,
    "normalize": {"mean": [0.1307], "std": [0.3081]},
}


@functools.cache
def plain(epochs: int) -> PlainResult:
    """With one thread, once in a test session."""
    data = read("MNIST", mnist_dir())
    return train_plainly(NETWORK, session_of(data, epochs), data)


@functools.cache
def over_wire(wire: str, epochs: int, cuts: tuple[int, ...]) -> Pipeline:
    """In threads of this process, over mailboxes."""
    data = read("MNIST", mnist_dir())
    pipeline = build_pipeline(NETWORK, session_of(data, epochs, wire), data, list(cuts))
    pipeline.run()
    assert not pipeline.errors
    return pipeline


def session_of(data: Samples, epochs: int, wire: str = "fp32") -> SessionSpec:
    return SessionSpec(
        generation=1,
        epochs=epochs,
        batch_size=256,
        val_batch_size=1000,
        num_train=len(data.train.targets),
        num_val=len(data.val.targets),
        views=views(0.1307, 0.3081),
        num_microbatches=NUM_MICROBATCHES,
        recipe=parse_recipe({"wire": wire}),
    )


def assert_same_bits(
    history: list[dict[str, float]], weights: dict[str, torch.Tensor], epochs: int
) -> None:
    """Losses and accuracies of every epoch, and every weight."""
    oracle = plain(epochs)
    assert [record["train_loss"] for record in history] == oracle.train_losses
    assert [metrics_of(record) for record in history] == oracle.metrics
    assert weights.keys() == oracle.weights.keys()
    for name, tensor in oracle.weights.items():
        assert torch.equal(weights[name], tensor), name
