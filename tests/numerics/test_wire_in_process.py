"""A lossy wire: near the plain loop, and the same bits again whatever the schedule, as long as the
split stays."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from actors.core.errors import NonFiniteLoss
from actors.core.model.blocks import num_blocks
from actors.core.progress.snapshots import TrainingState
from actors.core.recipe.recipe import parse_recipe
from actors.core.schedule.schedules import SCHEDULES
from actors.core.sources.samples import Samples
from actors.core.stages.specs import SessionSpec
from tests.support.in_process import Pipeline, build_pipeline
from tests.support.models import CNN, TRANSFORMER
from tests.support.plain_loop import train_plainly
from tests.support.sources import read, views

MODELS = {"cnn": CNN, "transformer": TRANSFORMER}
LOSSY = ["bf16", "int8"]


@pytest.fixture(scope="module")
def digits() -> Samples:
    return read("digits")


def make_session(wire: str, schedule: str = "1f1b", **changes: Any) -> SessionSpec:
    recipe = {"optimizer": "AdamW", "clip_grad_norm": 1.0, "wire": wire}
    values: dict[str, Any] = {
        "generation": 1,
        "epochs": 2,
        "batch_size": 240,
        "val_batch_size": 150,
        "num_train": 720,
        "num_val": 300,
        "views": views(),
        "num_microbatches": 3,
        "schedule": schedule,
        "recipe": parse_recipe(recipe | changes.pop("recipe", {})),
        "channel_timeout_s": 20.0,
    }
    return SessionSpec(**{**values, **changes})


def cuts_of(name: str) -> list[int]:
    return [0, 1, num_blocks(MODELS[name]) - 1, num_blocks(MODELS[name])]


def run(pipeline: Pipeline) -> Pipeline:
    pipeline.run()
    assert not pipeline.errors
    return pipeline


def losses(pipeline: Pipeline) -> list[float]:
    return [step.loss for step in pipeline.loops[-1].board.steps.after(0)]


def same_weights(one: Pipeline, other: Pipeline) -> bool:
    own, expected = one.weights(), other.weights()
    return all(torch.equal(own[name], expected[name]) for name in expected)


@pytest.mark.parametrize("wire", LOSSY)
@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_lossy_wire_is_near_the_plain_loop_and_the_same_by_every_schedule(
    digits: Samples, name: str, wire: str
) -> None:
    model = MODELS[name]
    plain = train_plainly(model, make_session(wire), digits)
    first = run(build_pipeline(model, make_session(wire), digits, cuts_of(name)))
    assert losses(first) != plain.step_losses
    assert losses(first) == pytest.approx(plain.step_losses, rel=0.02)
    for schedule in sorted(set(SCHEDULES) - {"1f1b"}):
        other = run(build_pipeline(model, make_session(wire, schedule), digits, cuts_of(name)))
        assert losses(other) == losses(first) and same_weights(other, first), schedule


@pytest.mark.parametrize("wire", LOSSY)
def test_one_stage_sends_nothing_and_has_the_bits_of_the_plain_loop(
    digits: Samples, wire: str
) -> None:
    plain = train_plainly(CNN, make_session(wire), digits)
    alone = run(build_pipeline(CNN, make_session(wire), digits, [0, num_blocks(CNN)]))
    assert losses(alone) == plain.step_losses
    assert all(torch.equal(plain.weights[n], t) for n, t in alone.weights().items())


@pytest.mark.parametrize("wire", LOSSY)
def test_a_session_that_goes_on_with_the_same_split_has_the_bits_of_an_undisturbed_one(
    digits: Samples, wire: str
) -> None:
    cuts = cuts_of("cnn")
    whole = run(build_pipeline(CNN, make_session(wire), digits, cuts))
    half = run(build_pipeline(CNN, make_session(wire, epochs=1), digits, cuts))
    state = TrainingState(tuple(loop.state() for loop in half.loops))
    going_on = make_session(wire, start=state.cursor)
    rest = run(build_pipeline(CNN, going_on, digits, cuts, state=state))
    assert losses(half) + losses(rest) == losses(whole) and same_weights(rest, whole)
    elsewhere = run(build_pipeline(CNN, going_on, digits, [0, *cuts[2:]], state=state))
    assert losses(elsewhere) == pytest.approx(losses(rest), rel=0.02)
    assert losses(elsewhere) != losses(rest)


@pytest.mark.parametrize("wire", LOSSY)
def test_a_training_that_diverges_fails_as_it_does_without(digits: Samples, wire: str) -> None:
    recipe = {"optimizer": "SGD", "learning_rate": 1000.0, "clip_grad_norm": None}
    session = make_session(wire, recipe=recipe)
    pipeline = build_pipeline(TRANSFORMER, session, digits, cuts_of("transformer"))
    pipeline.run()
    assert isinstance(pipeline.errors[2], NonFiniteLoss)
