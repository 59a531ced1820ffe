"""Rows that come in blocks, read ahead, give the bits of rows that lie in an array."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
import torch

from actors.core.model.blocks import num_blocks
from actors.core.progress.snapshots import TrainingState
from actors.core.recipe.recipe import parse_recipe
from actors.core.sources.samples import Samples
from actors.core.stages.specs import SessionSpec
from tests.support.digit_sessions import stop_after
from tests.support.equality import equals_plain_loop
from tests.support.in_process import build_pipeline
from tests.support.models import CNN
from tests.support.plain_loop import train_plainly
from tests.support.row_blocks import in_blocks
from tests.support.sources import read, views

SESSION = SessionSpec(
    generation=1,
    epochs=2,
    batch_size=96,
    val_batch_size=50,
    num_train=1438,
    num_val=359,
    views=views(),
    recipe=parse_recipe({"learning_rate": 0.05, "momentum": 0.5, "eval_every": 7}),
    num_microbatches=3,
    channel_timeout_s=20.0,
)


@pytest.fixture(scope="module")
def digits() -> Samples:
    return read("digits")


CASES: list[tuple[int, dict[str, Any], int]] = [
    (1, {}, 1),
    (1, {"shuffle": False}, 200),
    (2, {}, 200),
    (2, {"schedule": "zb-h1"}, 10**6),
]
"""Stages, what is asked for, the rows of a block."""


@pytest.mark.parametrize(("stages", "change", "max_rows"), CASES, ids=str)
def test_losses_metrics_and_weights_equal_a_plain_loop(
    digits: Samples, stages: int, change: dict[str, Any], max_rows: int
) -> None:
    session, count = replace(SESSION, **change), num_blocks(CNN)
    cuts = [0, count] if stages == 1 else [0, count // 2, count]
    with ExitStack() as until:
        equals_plain_loop(CNN, session, digits, cuts, in_blocks(digits, session, max_rows, until))


@pytest.mark.parametrize(("steps", "max_rows"), [(4, 1), (14, 200), (15, 200)])
def test_a_session_that_goes_on_does_so_with_the_rows_to_come(
    digits: Samples, steps: int, max_rows: int
) -> None:
    cuts = [0, num_blocks(CNN)]
    first = build_pipeline(CNN, replace(SESSION, max_lost_steps=1), digits, cuts)
    left_off = TrainingState(tuple(stop_after(first, steps)))
    goes_on = replace(SESSION, start=left_off.cursor)
    with ExitStack() as until:
        data = in_blocks(digits, goes_on, max_rows, until)
        pipeline = build_pipeline(CNN, goes_on, digits, cuts, state=left_off, data=data)
        pipeline.run()
    assert not pipeline.errors
    plain = train_plainly(CNN, SESSION, digits)
    weights = pipeline.weights()
    assert all(torch.equal(weights[name], plain.weights[name]) for name in plain.weights)
