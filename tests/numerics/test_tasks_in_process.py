"""The same bits for every task, however the model is cut, as in a plain loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from actors.core.feeding.rows import TensorRows
from actors.core.model.blocks import num_blocks
from actors.core.model.model_spec import ModelSpec, TensorSpec
from actors.core.recipe.recipe import parse_recipe
from actors.core.sources.samples import Samples
from actors.core.sources.views import SampleView, SampleViews
from actors.core.stages.compute_device import CPU, ComputeDevice, this_device
from actors.core.stages.replay import LayerThreads, ReplayPlan, ReplaySession, ThreadsFrom, replay
from actors.core.stages.specs import SessionSpec
from actors.core.tasks.task_spec import TaskSpec
from tests.support.far_device import FarDevice
from tests.support.in_process import build_pipeline
from tests.support.models import model_of
from tests.support.plain_loop import train_plainly
from tests.support.sources import samples_of, split_of
from tests.support.tasks import BINARY, MULTILABEL, NEXT_TOKEN, REGRESSION

ROWS, VAL_ROWS, FEATURES, LENGTH, TOKENS = 90, 31, 6, 7, 11
ABSOLUTE = TaskSpec("regression", (("loss", "l1"), ("delta", 1.0)))

KINDS = [
    pytest.param(FarDevice, id="another type of numbers"),
    pytest.param(
        this_device,
        id="accelerator",
        marks=pytest.mark.skipif(
            not torch.accelerator.is_available(), reason="PyTorch sees no accelerator here: not run"
        ),
    ),
]


def dense(outputs: int) -> ModelSpec:
    layers = [
        {"type": "Linear", "out_features": 12},
        {"type": "Tanh"},
        {"type": "Linear", "out_features": 8},
        {"type": "Tanh"},
        {"type": "Linear", "out_features": outputs},
    ]
    return model_of(layers, TensorSpec((FEATURES,)))


def text_model() -> ModelSpec:
    layers = [
        {"type": "Embedding", "num_embeddings": TOKENS, "embedding_dim": 8},
        {"type": "PositionalEmbedding"},
        {"type": "TransformerBlock", "num_heads": 2, "feedforward_dim": 16, "causal": True},
        {"type": "Linear", "out_features": TOKENS},
    ]
    return model_of(layers, TensorSpec((LENGTH,), "int64"))


def samples(targets: TensorSpec, num_classes: int, is_text: bool) -> Samples:
    """Targets of float32 are seldom the same; of text, each has a mask of another length."""
    random = np.random.default_rng(3)

    def split(rows: int) -> Any:
        inputs: Any = random.standard_normal((rows, FEATURES)).astype(np.float32)
        if is_text:
            inputs = random.integers(0, TOKENS, (rows, LENGTH))
        shape = (rows, *targets.shape)
        own: Any = random.standard_normal(shape).astype(np.float32)
        if targets.dtype == "int64":
            own = random.integers(0, num_classes, shape)
        if is_text:
            for row in range(rows):
                own[row, : row % (LENGTH + 1)] = -100
        return split_of(inputs, own)

    return samples_of(split(ROWS), split(VAL_ROWS))


CASES: dict[str, tuple[TaskSpec, ModelSpec, TensorSpec, int]] = {
    "one number": (REGRESSION, dense(1), TensorSpec(()), 0),
    "numbers": (ABSOLUTE, dense(3), TensorSpec((3,)), 0),
    "binary": (BINARY, dense(1), TensorSpec((), "int64"), 2),
    "labels": (MULTILABEL, dense(4), TensorSpec((4,), "int64"), 2),
    "tokens": (NEXT_TOKEN, text_model(), TensorSpec((LENGTH,), "int64"), TOKENS),
}


def session_of(task: TaskSpec, model: ModelSpec, targets: TensorSpec) -> SessionSpec:
    views = SampleViews(SampleView(model.inputs), SampleView(targets))
    return SessionSpec(
        generation=1,
        epochs=2,
        recipe=parse_recipe({"learning_rate": 0.05, "momentum": 0.5}),
        batch_size=20,
        val_batch_size=8,
        num_train=ROWS,
        num_val=VAL_ROWS,
        views=views,
        num_microbatches=3,
        channel_timeout_s=20.0,
        task=task,
    )


@pytest.mark.parametrize("cuts", [1, 2, 3])
@pytest.mark.parametrize("name", list(CASES))
def test_losses_metrics_and_weights_equal_a_plain_loop(name: str, cuts: int) -> None:
    task, model, targets, num_classes = CASES[name]
    data = samples(targets, num_classes, name == "tokens")
    session = session_of(task, model, targets)
    count = num_blocks(model)
    plain = train_plainly(model, session, data)
    places = {1: [0, count], 2: [0, 1, count], 3: [0, 1, 2, count]}[cuts]
    pipeline = build_pipeline(model, session, data, places)
    pipeline.run()
    assert not pipeline.errors
    records = pipeline.loops[-1].board.epochs.after(0)
    assert [r.train_loss for r in records] == plain.train_losses
    for record, expected in zip(records, plain.metrics, strict=True):
        assert record.metrics["loss"] == expected["loss"]
        told = {metric: record.metrics[metric] for metric in expected}
        assert told == pytest.approx(expected, rel=1e-9)
    weights = pipeline.weights()
    assert all(torch.equal(weights[key], plain.weights[key]) for key in plain.weights)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", list(CASES))
def test_an_accelerator_finds_the_losses_and_metrics_of_a_cpu(
    name: str, kind: Callable[[], ComputeDevice]
) -> None:
    task, model, targets, num_classes = CASES[name]
    data = samples(targets, num_classes, name == "tokens")
    session = session_of(task, model, targets)
    cuts = [0, 1, num_blocks(model)]
    told = []
    for devices in ([CPU, CPU], [kind(), kind()]):
        pipeline = build_pipeline(model, session, data, cuts, devices=devices)
        pipeline.run()
        assert not pipeline.errors
        told.append([dict(r.metrics) for r in pipeline.loops[-1].board.epochs.all()])
    for expected, found in zip(*told, strict=True):
        assert found == pytest.approx(expected, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("name", list(CASES))
def test_a_replay_finds_the_losses_of_every_task(name: str) -> None:
    task, model, targets, num_classes = CASES[name]
    data = samples(targets, num_classes, name == "tokens")
    session = session_of(task, model, targets)
    plain = train_plainly(model, session, data)
    threads = (ThreadsFrom(0, (LayerThreads(0, num_blocks(model), 1),)),)
    steps = len(plain.step_losses)
    inputs, own = (torch.from_numpy(a) for a in (data.train.inputs, data.train.targets))
    plan = ReplayPlan(model, (ReplaySession(session, steps, threads),))
    done = replay(plan, lambda _: TensorRows(inputs), own)
    assert list(done.losses) == plain.step_losses


def test_a_batch_in_which_nothing_counts_trains_on_without_a_change() -> None:
    task, model, targets, _ = CASES["tokens"]
    data = samples(targets, TOKENS, is_text=True)
    data.train.targets[:] = -100
    pipeline = build_pipeline(
        model, session_of(task, model, targets), data, [0, 1, num_blocks(model)]
    )
    before = pipeline.weights()
    pipeline.run()
    assert not pipeline.errors
    assert [r.train_loss for r in pipeline.loops[-1].board.epochs.after(0)] == [0.0, 0.0]
    after = pipeline.weights()
    assert all(torch.equal(after[key], before[key]) for key in before)
