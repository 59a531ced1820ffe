"""The same bits for convolutions, norms, dropout and attention, however the model is cut."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from actors.core.model.blocks import num_blocks
from actors.core.schedules import SCHEDULES
from actors.core.snapshots import Cursor, TrainingState
from actors.core.sources.samples import Samples
from actors.core.specs import SessionSpec
from tests.support.in_process import build_pipeline
from tests.support.models import CNN, TRANSFORMER
from tests.support.plain_loop import train_plainly
from tests.support.sources import read, views

MODELS = {"cnn": CNN, "transformer": TRANSFORMER}


@pytest.fixture(scope="module")
def digits() -> Samples:
    return read("digits")


def make_session(**changes: Any) -> SessionSpec:
    values: dict[str, Any] = {
        "generation": 1,
        "epochs": 2,
        "learning_rate": 0.05,
        "batch_size": 240,
        "val_batch_size": 150,
        "num_train": 1438,
        "num_val": 359,
        "views": views(),
        "momentum": 0.5,
        "channel_timeout_s": 20.0,
    }
    return SessionSpec(**{**values, **changes})


@pytest.mark.parametrize("schedule", sorted(SCHEDULES))
@pytest.mark.parametrize("stages", [1, 2, 3])
@pytest.mark.parametrize("name", sorted(MODELS))
def test_losses_weights_and_buffers_equal_a_plain_loop(
    digits: Samples, name: str, stages: int, schedule: str
) -> None:
    model = MODELS[name]
    count = num_blocks(model)
    cuts = {1: [0, count], 2: [0, count // 2, count], 3: [0, 1, count - 1, count]}[stages]
    session = make_session(num_microbatches=3, schedule=schedule)
    plain = train_plainly(model, session, digits)
    pipeline = build_pipeline(model, session, digits, cuts)
    pipeline.run()
    assert not pipeline.errors
    records = pipeline.loops[-1].board.epochs.after(0)
    assert [r.train_loss for r in records] == plain.train_losses
    assert [r.metrics for r in records] == plain.metrics
    weights = pipeline.weights()
    assert weights.keys() == plain.weights.keys()
    assert all(torch.equal(weights[key], plain.weights[key]) for key in weights)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_session_goes_on_with_other_cuts_and_the_same_bits(digits: Samples, name: str) -> None:
    model = MODELS[name]
    count = num_blocks(model)
    session = make_session(num_microbatches=2)
    plain = train_plainly(model, session, digits)
    half = build_pipeline(model, make_session(num_microbatches=2, epochs=1), digits, [0, 2, count])
    half.run()
    parts = tuple(loop.state() for loop in half.loops)
    state = TrainingState(parts)
    on = make_session(num_microbatches=2, start=Cursor(epoch=1))
    rest = build_pipeline(model, on, digits, [0, 1, count - 1, count], state=state)
    rest.run()
    assert not half.errors and not rest.errors
    assert [r.metrics for r in rest.loops[-1].board.epochs.after(0)] == plain.metrics[1:]
    weights = rest.weights()
    assert all(torch.equal(weights[key], plain.weights[key]) for key in plain.weights)
