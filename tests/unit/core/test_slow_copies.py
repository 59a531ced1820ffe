"""A stage loop while the copies of its snapshots are on a slow link."""

from __future__ import annotations

import pytest

from actors.core.errors import ChannelTimeout
from actors.core.progress import snapshot_cadence
from actors.core.progress.snapshots import Position, StageSnapshot
from actors.core.recipe.recipe import parse_recipe
from actors.core.sources.samples import Samples
from tests.support.digit_sessions import NETWORK, make_session, run
from tests.support.in_process import Pipeline, build_pipeline
from tests.support.sources import read

CUTS = [0, 1, 2, 3]
STEPS_PER_EPOCH = 15


@pytest.fixture(scope="module")
def digits() -> Samples:
    return read("digits")


@pytest.fixture(autouse=True)
def always_due(monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot is due at each step, as soon as the copies allow it."""
    monkeypatch.setattr(snapshot_cadence, "MIN_INTERVAL_S", 0.0)
    monkeypatch.setattr(snapshot_cadence, "MAX_COST", float("inf"))


class SlowCopier:
    """A copy arrives after this many questions for it; waiting for it is an error."""

    def __init__(self, looks: float) -> None:
        self.positions: list[Position] = []
        self._looks = self._left = looks

    def send(self, snapshot: StageSnapshot) -> None:
        self.positions.append(snapshot.cursor.position)
        self._left = self._looks

    def copied_s(self) -> float | None:
        self._left -= 1
        return 0.0 if self._left < 0 else None

    def wait(self, timeout_s: float) -> None:
        if self._left >= 0:
            raise ChannelTimeout("a step waits for a copy")


def slowed(pipeline: Pipeline, looks: list[float]) -> list[SlowCopier]:
    """A copier for each stage."""
    copiers = [SlowCopier(own) for own in looks]
    for loop, copier in zip(pipeline.loops, copiers, strict=True):
        loop._keeper.copier = copier
    return copiers


@pytest.mark.parametrize("slow", [0, 1, 2])
def test_no_step_waits_for_a_copy_that_does_not_arrive(digits: Samples, slow: int) -> None:
    pipeline = build_pipeline(NETWORK, make_session(epochs=2), digits, CUTS)
    looks = [float("inf") if index == slow else 0.0 for index in range(3)]
    copiers = slowed(pipeline, looks)
    run(pipeline)
    assert [copier.positions for copier in copiers] == [[(0, 0)]] * 3


@pytest.mark.parametrize(
    "recipe",
    [
        {"learning_rate": 0.05},
        {"learning_rate": 0.05, "clip_grad_norm": 1.0},
        {"learning_rate": 0.05, "freeze": ["0"]},
        {"learning_rate": 0.05, "freeze": ["0", "1"]},
        {"learning_rate": 0.05, "freeze": ["0"], "clip_grad_norm": 1.0},
        {"learning_rate": 0.05, "eval_every": 2},
    ],
    ids=str,
)
def test_stage_0_hears_of_all_copies_whatever_goes_back(
    digits: Samples, recipe: dict[str, object]
) -> None:
    session = make_session(epochs=1, recipe=parse_recipe(recipe))
    pipeline = build_pipeline(NETWORK, session, digits, CUTS)
    copiers = slowed(pipeline, [0.0, 0.0, 0.0])
    run(pipeline)
    first = copiers[0].positions
    assert len(first) > STEPS_PER_EPOCH // 4
    assert all(copier.positions == first for copier in copiers)


@pytest.mark.parametrize("schedule", ["1f1b", "gpipe", "zb-h1", "zb-h2"])
def test_a_slow_copy_puts_the_next_snapshot_off(digits: Samples, schedule: str) -> None:
    def steps(looks: list[float]) -> list[int]:
        session = make_session(epochs=1, schedule=schedule)
        pipeline = build_pipeline(NETWORK, session, digits, CUTS)
        copiers = slowed(pipeline, looks)
        run(pipeline)
        return [step for _, step in copiers[0].positions]

    assert steps([0.0, 0.0, 0.0]) == [0, 2, 4, 6, 8, 10, 12, 14]
    assert steps([0.0, 0.0, 7.0]) == [0, 4, 8, 12]  # stage 2 looks three times a step


def test_a_promised_number_of_steps_waits_for_the_copies(digits: Samples) -> None:
    pipeline = build_pipeline(NETWORK, make_session(epochs=1, max_lost_steps=3), digits, CUTS)
    slowed(pipeline, [0.0, float("inf"), 0.0])
    pipeline.run()
    assert isinstance(pipeline.errors[1], ChannelTimeout)
