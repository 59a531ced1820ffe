"""The same bits for convolutions, norms, dropout and attention, however the model is cut."""

from __future__ import annotations

import time
from dataclasses import replace
from fnmatch import fnmatch
from typing import Any

import pytest
import torch

from actors.core.model.blocks import build_blocks, num_blocks
from actors.core.model.model_spec import ModelSpec
from actors.core.progress.snapshot_cadence import Boundary
from actors.core.progress.snapshots import Cursor, TrainingState
from actors.core.recipe.recipe import parse_recipe
from actors.core.schedule.schedules import SCHEDULES
from actors.core.sources.samples import Samples
from actors.core.stages.specs import SessionSpec
from tests.support.equality import equals_plain_loop
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
        "batch_size": 240,
        "val_batch_size": 150,
        "num_train": 1438,
        "num_val": 359,
        "views": views(),
        "recipe": parse_recipe({"learning_rate": 0.05, "momentum": 0.5}),
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
    equals_plain_loop(model, session, digits, cuts)


def train_part(
    session: SessionSpec, digits: Samples, cuts: list[int], num_steps: int
) -> TrainingState:
    """Its state after at least so many steps."""
    pipeline = build_pipeline(CNN, session, digits, cuts)
    first = pipeline.loops[0]

    def stop() -> None:
        while first.board.progress.step < num_steps and first.board.progress.epoch < 2:
            time.sleep(0.001)
        first.orders.stop(Boundary.STEP)

    pipeline.run(stop)
    assert not pipeline.errors
    return TrainingState(tuple(loop.state() for loop in pipeline.loops))


RECIPES: list[dict[str, Any]] = [
    {"optimizer": "Adam", "clip_grad_norm": 0.5},
    {"optimizer": {"type": "SGD", "momentum": 0.9}, "clip_grad_value": 0.01, "clip_grad_norm": 1},
    {
        "optimizer": {"type": "AdamW", "amsgrad": True},
        "learning_rate": 0.01,
        "lr_schedule": {"type": "cosine", "warmup_steps": 3},
    },
    {"optimizer": {"type": "RMSprop", "centered": True}, "lr_schedule": "one_cycle"},
    {
        "optimizer": "Adagrad",
        "lr_schedule": {"type": "step", "step_size": 5},
        "label_smoothing": 0.1,
    },
]


@pytest.mark.parametrize("config", RECIPES, ids=lambda config: str(config["optimizer"]))
def test_every_optimiser_and_schedule_goes_on_with_the_bits_of_a_plain_loop(
    digits: Samples, config: dict[str, Any]
) -> None:
    count = num_blocks(CNN)
    session = make_session(num_microbatches=2, recipe=parse_recipe(config))
    plain = train_plainly(CNN, session, digits)
    first = train_part(session, digits, [0, 2, count], num_steps=4)
    for cuts in ([0, count], [0, 1, 2, count]):
        going_on = replace(session, start=first.cursor)
        pipeline = build_pipeline(CNN, going_on, digits, cuts, state=first)
        pipeline.run()
        assert not pipeline.errors
        weights = pipeline.weights()
        assert all(torch.equal(weights[key], plain.weights[key]) for key in plain.weights)


@pytest.mark.parametrize("schedule", ["1f1b", "zb-h1"])
@pytest.mark.parametrize("name", sorted(MODELS))
def test_bfloat16_has_the_bits_of_autocast_however_the_model_is_cut(
    digits: Samples, name: str, schedule: str
) -> None:
    model, count = MODELS[name], num_blocks(MODELS[name])
    recipe = parse_recipe({"optimizer": "AdamW", "precision": "bf16"})
    session = make_session(num_microbatches=3, schedule=schedule, recipe=recipe)
    plain = train_plainly(model, session, digits)
    for cuts in ([0, count], [0, 1, count - 1, count]):
        pipeline = build_pipeline(model, session, digits, cuts)
        pipeline.run()
        assert not pipeline.errors
        losses = [s.loss for s in pipeline.loops[-1].board.steps.after(0)]
        assert losses == plain.step_losses
        weights = pipeline.weights()
        assert all(torch.equal(weights[key], plain.weights[key]) for key in plain.weights)
        assert all(t.dtype is not torch.bfloat16 for t in weights.values())
    assert losses != [s.loss for s in build_fp32(model, session, digits)]


def build_fp32(model: ModelSpec, session: SessionSpec, digits: Samples) -> tuple[Any, ...]:
    whole = replace(session, recipe=replace(session.recipe, precision="fp32"))
    pipeline = build_pipeline(model, whole, digits, [0, num_blocks(model)])
    pipeline.run()
    return pipeline.loops[-1].board.steps.after(0)


FROZEN = [("0.*",), ("0.*", "1.*", "5.*"), ("5.*",), ("*.bias",)]


@pytest.mark.parametrize("clip_grad_norm", [None, 0.5])
@pytest.mark.parametrize("schedule", ["1f1b", "gpipe", "zb-h1"])
@pytest.mark.parametrize("freeze", FROZEN, ids=str)
def test_what_is_frozen_stays_and_the_rest_has_the_bits_of_a_plain_loop(
    digits: Samples, freeze: tuple[str, ...], schedule: str, clip_grad_norm: float | None
) -> None:
    config = {"optimizer": "Adam", "freeze": list(freeze), "clip_grad_norm": clip_grad_norm}
    recipe = parse_recipe({k: v for k, v in config.items() if v is not None})
    session = make_session(num_microbatches=3, schedule=schedule, recipe=recipe)
    plain = train_plainly(CNN, session, digits)
    before = build_blocks(CNN, 0, num_blocks(CNN)).state_dict()
    for cuts in ([0, 4], [0, 2, 4], [0, 1, 2, 4]):
        pipeline = build_pipeline(CNN, session, digits, cuts)
        pipeline.run()
        assert not pipeline.errors
        weights = pipeline.weights()
        assert all(torch.equal(weights[key], plain.weights[key]) for key in plain.weights)
        kept = [name for loop in pipeline.loops for name in loop.state().optimizer]
        frozen = {n for n in weights if any(fnmatch(n, pattern) for pattern in freeze)}
        assert not any(name.partition(".")[2] in frozen for name in kept)
        parameters = {n for n in frozen if "running" not in n and "batches" not in n}
        assert all(torch.equal(weights[name], before[name]) for name in parameters)


def test_validations_within_an_epoch_change_no_bits_and_are_told_with_their_steps(
    digits: Samples,
) -> None:
    plain_session = make_session(num_microbatches=2)
    session = replace(plain_session, recipe=parse_recipe({"momentum": 0.5, "eval_every": 4}))
    session = replace(session, recipe=replace(session.recipe, learning_rate=0.05))
    plain = train_plainly(CNN, plain_session, digits)
    for cuts in ([0, 4], [0, 1, 3, 4]):
        pipeline = build_pipeline(CNN, session, digits, cuts)
        pipeline.run()
        assert not pipeline.errors
        board = pipeline.loops[-1].board
        assert [s.loss for s in board.steps.after(0)] == plain.step_losses
        told = {(s.epoch, s.step): s.metrics for s in board.steps.after(0) if s.metrics is not None}
        assert list(told) == [(1, 4), (2, 2)]  # six steps an epoch; the twelfth ends one
        until = train_plainly(CNN, replace(plain_session, max_steps=4, epochs=1), digits)
        assert told[1, 4] == until.metrics[-1]
        weights = pipeline.weights()
        assert all(torch.equal(weights[key], plain.weights[key]) for key in plain.weights)


@pytest.mark.parametrize("cuts", [[0, 4], [0, 2, 4], [0, 1, 3, 4]])
def test_all_stages_end_when_a_metric_gets_no_better_and_do_so_again_after_a_stop(
    digits: Samples, cuts: list[int]
) -> None:
    config = {
        "learning_rate": 1e-9,
        "eval_every": 2,
        "early_stopping": {"metric": "accuracy", "mode": "max", "patience": 3, "min_delta": 0.5},
    }
    session = make_session(epochs=9, num_microbatches=2, recipe=parse_recipe(config))
    pipeline = build_pipeline(CNN, session, digits, cuts)
    pipeline.run()
    assert not pipeline.errors and all(pipeline.completed.values())
    positions = {loop.state().cursor.position for loop in pipeline.loops}
    assert positions == {(1, 2)}  # validations after steps 2, 4, 6 and 8: the first is the best
    state = TrainingState(tuple(loop.state() for loop in pipeline.loops))
    assert state.cursor.stale == 3
    again = build_pipeline(CNN, replace(session, start=state.cursor), digits, [0, 4], state=state)
    again.run()
    assert not again.errors and again.loops[0].state().cursor.position == (1, 2)


@pytest.mark.parametrize("max_steps", [7, 8, 11])
def test_a_session_of_so_many_steps_ends_there_and_validates(
    digits: Samples, max_steps: int
) -> None:
    recipe = parse_recipe({"lr_schedule": "linear"})
    session = make_session(num_microbatches=2, epochs=2, recipe=recipe, max_steps=max_steps)
    plain = train_plainly(CNN, session, digits)
    assert len(plain.step_losses) == max_steps
    pipeline = build_pipeline(CNN, session, digits, [0, 2, num_blocks(CNN)])
    pipeline.run()
    assert not pipeline.errors and all(pipeline.completed.values())
    last = pipeline.loops[-1]
    assert [r.train_loss for r in last.board.epochs.after(0)] == plain.train_losses
    assert last.state().cursor.position == (2, 0)
    weights = pipeline.weights()
    assert all(torch.equal(weights[key], plain.weights[key]) for key in plain.weights)


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
