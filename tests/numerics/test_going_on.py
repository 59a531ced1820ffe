"""A session that goes on from a snapshot has the bits of one that was never interrupted."""

from __future__ import annotations

import pytest
import torch

from actors.core.progress.records import EpochRecord
from actors.core.progress.snapshot_cadence import Boundary
from actors.core.progress.snapshots import TrainingState
from actors.core.sources.samples import Samples
from tests.support.digit_sessions import NETWORK, make_session, run, stop_after
from tests.support.in_process import Pipeline, build_pipeline
from tests.support.sources import read

CUTS = [0, 2, 3]


@pytest.fixture(scope="module")
def digits() -> Samples:
    return read("digits")


def losses(record: EpochRecord) -> tuple[float, float | None]:
    return record.train_loss, record.metrics["loss"]


def records(pipeline: Pipeline) -> list[tuple[float, float | None]]:
    return [losses(r) for r in pipeline.loops[-1].board.epochs.all()]


@pytest.mark.parametrize("num_steps", [1, 7, 15, 20])
@pytest.mark.parametrize("cuts", [[0, 3], [0, 1, 3], [0, 1, 2, 3]])
def test_a_session_goes_on_with_the_same_bits_on_other_stages(
    digits: Samples, num_steps: int, cuts: list[int]
) -> None:
    whole = run(build_pipeline(NETWORK, make_session(), digits, CUTS))
    first = build_pipeline(NETWORK, make_session(max_lost_steps=1), digits, CUTS)
    taken = TrainingState(tuple(stop_after(first, num_steps)))
    rest = make_session(start=taken.cursor)
    second = run(build_pipeline(NETWORK, rest, digits, cuts, state=taken))
    told = {r.epoch: losses(r) for r in taken.untold.epochs}
    told |= {r.epoch: losses(r) for r in second.loops[-1].board.epochs.all()}
    assert [told[epoch] for epoch in sorted(told)] == records(whole)
    weights, expected = second.weights(), whole.weights()
    assert all(torch.equal(weights[name], expected[name]) for name in expected)


def test_a_session_stopped_at_an_epochs_end_has_whole_epochs(digits: Samples) -> None:
    pipeline = build_pipeline(NETWORK, make_session(), digits, CUTS)
    pipeline.loops[0].orders.stop(Boundary.EPOCH)
    run(pipeline)
    assert [loop.state().cursor.position for loop in pipeline.loops] == [(0, 0), (0, 0)]
