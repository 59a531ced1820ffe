"""The same bits, however the network is cut: stage loops in threads against a plain loop."""

from __future__ import annotations

import pytest
import torch

from actors.core.model.model_spec import mlp
from actors.core.schedule.checks import simulate
from actors.core.schedule.schedules import SCHEDULES, build_schedule
from actors.core.sources.samples import Samples
from actors.core.stages.flops import count_stage_flops
from actors.core.stages.specs import SessionSpec
from tests.support.equality import equals_plain_loop
from tests.support.in_process import build_pipeline
from tests.support.plain_loop import train_plainly
from tests.support.sources import first, read, views

NETWORK = mlp((784, 128, 64, 10), seed=3)


@pytest.fixture(scope="module")
def digits() -> Samples:
    return read("digits", resize=[28, 28])


def make_session(**changes: object) -> SessionSpec:
    values: dict[str, object] = {
        "generation": 1,
        "epochs": 2,
        "batch_size": 100,
        "val_batch_size": 150,
        "num_train": 1438,
        "num_val": 359,
        "views": views(),
        "channel_timeout_s": 20.0,
    }
    return SessionSpec(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("schedule", sorted(SCHEDULES))
@pytest.mark.parametrize("num_microbatches", [1, 2, 3, 8])
@pytest.mark.parametrize("cuts", [[0, 3], [0, 2, 3], [0, 1, 2, 3]])
def test_losses_and_weights_equal_a_plain_loop(
    digits: Samples, cuts: list[int], num_microbatches: int, schedule: str
) -> None:
    session = make_session(num_microbatches=num_microbatches, schedule=schedule)
    pipeline = equals_plain_loop(NETWORK, session, digits, cuts)
    held = simulate(build_schedule(schedule, len(cuts) - 1, num_microbatches)).max_held
    assert tuple(loop.board.max_held for loop in pipeline.loops) == held
    for loop, stage in zip(pipeline.loops, pipeline.stages, strict=True):
        flops = count_stage_flops(stage.spec.facts, session.epochs * session.num_train)
        assert loop.board.forward_flops == flops.forward
        assert loop.board.backward_flops == flops.backward


@pytest.mark.parametrize("schedule", ["1f1b", "zb-h1", "gpipe"])
def test_a_ragged_last_batch_smaller_than_the_microbatches_keeps_the_bits(
    digits: Samples, schedule: str
) -> None:
    few = first(digits, 103)
    session = make_session(num_train=103, batch_size=50, num_microbatches=5, schedule=schedule)
    plain = train_plainly(NETWORK, session, few)
    pipeline = build_pipeline(NETWORK, session, few, [0, 1, 3])
    pipeline.run()
    assert not pipeline.errors
    assert [r.train_loss for r in pipeline.loops[-1].board.epochs.after(0)] == plain.train_losses
    weights = pipeline.weights()
    assert all(torch.equal(weights[name], plain.weights[name]) for name in weights)
