"""The replay has the bits of a pipeline, however that was cut, scheduled and threaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch

from actors.core.feeding.rows import TensorRows
from actors.core.model.model_spec import mlp
from actors.core.progress.snapshot_cadence import Boundary
from actors.core.progress.snapshots import TrainingState
from actors.core.recipe.recipe import parse_recipe
from actors.core.sources.samples import Samples
from actors.core.stages.replay import (
    LayerThreads,
    Replayed,
    ReplayPlan,
    ReplaySession,
    ThreadsFrom,
    replay,
)
from actors.core.stages.specs import SessionSpec
from tests.support.in_process import Pipeline, build_pipeline
from tests.support.sources import read, samples_of, split_of, views

NETWORK = mlp((64, 32, 16, 10), seed=3)
SESSION = SessionSpec(
    generation=1,
    epochs=2,
    batch_size=50,
    val_batch_size=150,
    num_train=203,
    num_val=359,
    views=views(),
    channel_timeout_s=20.0,
)
ONE_THREAD = (ThreadsFrom(0, (LayerThreads(0, 3, 1),)),)


@pytest.fixture(scope="module")
def digits() -> Samples:
    whole = read("digits", resize=[8, 8])
    return samples_of(split_of(whole.train.inputs[:203], whole.train.targets[:203]), whole.val)


def losses_of(pipeline: Pipeline) -> tuple[float, ...]:
    return tuple(record.loss for record in pipeline.loops[-1].board.steps.all())


def replayed(digits: Samples, *sessions: ReplaySession, weights_at: int | None = None) -> Replayed:
    inputs, targets = (torch.from_numpy(a) for a in (digits.train.inputs, digits.train.targets))
    plan = ReplayPlan(NETWORK, sessions, weights_at)
    return replay(plan, lambda _: TensorRows(inputs), targets)


def same(weights: dict[str, torch.Tensor], others: dict[str, torch.Tensor]) -> bool:
    assert weights.keys() == others.keys()
    return all(torch.equal(weights[name], others[name]) for name in weights)


CONFIGS: list[dict[str, Any]] = [
    {},
    {"momentum": 0.9},
    {"optimizer": "AdamW", "clip_grad_norm": 0.1, "lr_schedule": "cosine"},
]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@pytest.mark.parametrize("schedule", ["1f1b", "gpipe", "zb-h1", "zb-h2"])
@pytest.mark.parametrize("num_microbatches", [1, 3, 8])
@pytest.mark.parametrize("cuts", [[0, 3], [0, 2, 3], [0, 1, 2, 3]])
def test_every_step_and_weight_equals_that_of_the_pipeline(
    digits: Samples, cuts: list[int], num_microbatches: int, schedule: str, config: dict[str, Any]
) -> None:
    session = replace(
        SESSION,
        num_microbatches=num_microbatches,
        schedule=schedule,
        recipe=parse_recipe(config),
    )
    pipeline = build_pipeline(NETWORK, session, digits, cuts)
    pipeline.run()
    assert not pipeline.errors
    found = replayed(digits, ReplaySession(session, 10, ONE_THREAD), weights_at=10)
    assert found.losses == losses_of(pipeline) and len(found.losses) == 10
    assert found.weights is not None and same(found.weights, pipeline.weights())


def test_the_next_session_goes_on_where_one_was_stopped_amid_an_epoch(digits: Samples) -> None:
    first = build_pipeline(NETWORK, SESSION, digits, [0, 1, 3])
    stop_after(first, 7)
    first.run()
    state = TrainingState(tuple(loop.state() for loop in first.loops)).as_start()
    changed = replace(
        SESSION,
        first_epoch_index=2,
        num_microbatches=4,
        recipe=parse_recipe({"learning_rate": 0.05, "momentum": 0.5}),
    )
    second = build_pipeline(NETWORK, changed, digits, [0, 2, 3], state=state)
    second.run()
    found = replayed(
        digits,
        ReplaySession(SESSION, 7, ONE_THREAD),
        ReplaySession(changed, 10, ONE_THREAD),
        weights_at=17,
    )
    assert found.losses == (*losses_of(first), *losses_of(second))
    assert found.weights is not None and same(found.weights, second.weights())


def stop_after(pipeline: Pipeline, num_steps: int) -> None:
    first = pipeline.loops[0]
    told = first._tell_step

    def tell(rate: float, metrics: Mapping[str, float | None] | None) -> None:
        told(rate, metrics)
        epoch, step = first._cursor.position
        if epoch * SESSION.num_steps + step == num_steps:
            first.orders.stop(Boundary.STEP)

    first._tell_step = tell  # type: ignore[method-assign]


def test_each_layer_is_computed_with_its_own_threads(
    digits: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", counts.append)
    threads = (
        ThreadsFrom(0, (LayerThreads(0, 1, 2), LayerThreads(1, 3, 1))),
        ThreadsFrom(2, (LayerThreads(0, 1, 1), LayerThreads(1, 3, 1))),
    )
    with_parts = replayed(digits, ReplaySession(SESSION, 3, threads), weights_at=3)
    # Forward and backward of two parts in two steps; then the parts have the same, and are one.
    assert counts == [2, 1, 1, 2, 2, 1, 1, 2, 1, 1]
    whole = replayed(digits, ReplaySession(SESSION, 3, ONE_THREAD), weights_at=3)
    assert with_parts.losses == whole.losses
    assert with_parts.weights is not None and whole.weights is not None
    assert same(with_parts.weights, whole.weights)


def test_weights_are_kept_at_the_step_asked_for(digits: Samples) -> None:
    session = replace(SESSION, epochs=1)
    pipeline = build_pipeline(NETWORK, session, digits, [0, 2, 3])
    pipeline.run()
    found = replayed(digits, ReplaySession(SESSION, 10, ONE_THREAD), weights_at=5)
    assert len(found.losses) == 10
    assert found.weights is not None and same(found.weights, pipeline.weights())


def test_it_ends_when_it_may_not_go_on_but_not_before_the_first_step(digits: Samples) -> None:
    inputs, targets = (torch.from_numpy(a) for a in (digits.train.inputs, digits.train.targets))
    plan = ReplayPlan(NETWORK, (ReplaySession(SESSION, 10, ONE_THREAD),), 10)
    found = replay(plan, lambda _: TensorRows(inputs), targets, may_go_on=lambda: False)
    assert len(found.losses) == 1 and found.weights is None
