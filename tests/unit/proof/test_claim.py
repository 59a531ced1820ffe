"""What a replay has to compare, from the records."""

from __future__ import annotations

import pytest

from actors.core.model.model_spec import mlp
from actors.core.stages.replay import LayerThreads, ThreadsFrom
from actors.core.stages.specs import SessionSpec
from orchestrator.errors import InvalidRequest, NoTrainedWeights
from orchestrator.proof.bit_equality import ComputedFrom, ComputedLayers
from orchestrator.proof.recorded import Claim, Kept, KeptAt, RecordedSession, claim_of
from orchestrator.store.log.entries import LoggedStep
from tests.support.sources import views

NETWORK = mlp((64, 16, 16, 10))
HOST = {"tandem": "1", "torch": "2", "cpu": "3"}


def session(
    index: int = 1, first_epoch: int = 0, computed: tuple[ComputedFrom, ...] = ()
) -> RecordedSession:
    """Three steps an epoch."""
    spec = SessionSpec(1, 4, 4, 4, 10, 4, views(), first_epoch_index=first_epoch)
    return RecordedSession(index, spec, computed)


def steps(*epochs: int, first: int = 1) -> list[LoggedStep]:
    """So many steps of each epoch."""
    return [
        LoggedStep(first + i, step, 0.5)
        for i, count in enumerate(epochs)
        for step in range(1, count + 1)
    ]


def claim(
    sessions: list[RecordedSession],
    recorded: list[LoggedStep],
    kept: list[KeptAt] | None = None,
    asked: int | None = None,
) -> Claim:
    return claim_of("7", NETWORK, sessions, recorded, kept or [], asked)


def test_by_default_it_leads_to_the_first_weights_that_are_kept() -> None:
    kept = [KeptAt(1, 9, "b"), KeptAt(1, 6, "a")]
    found = claim([session()], steps(3, 3, 3), kept)
    assert found.counts == (6,) and len(found.steps) == 6
    assert found.kept == Kept(6, "a") and found.next_kept == 9 and found.plan.weights_at == 6


def test_without_kept_weights_it_is_all_steps() -> None:
    found = claim([session()], steps(3, 2))
    assert found.counts == (5,) and found.kept is None and found.next_kept is None


def test_the_last_weights_within_the_steps_asked_for_are_compared() -> None:
    kept = [KeptAt(1, 3, "a"), KeptAt(1, 6, "b"), KeptAt(1, 9, "c")]
    found = claim([session()], steps(3, 3, 3), kept, asked=7)
    assert found.counts == (7,) and found.kept == Kept(6, "b") and found.next_kept == 9


def test_a_session_that_was_stopped_amid_an_epoch_ends_there() -> None:
    sessions = [session(1), session(2, first_epoch=2)]
    found = claim(sessions, steps(3, 2, 3, 1), [KeptAt(1, 5, "a"), KeptAt(2, 3, None)], asked=9)
    assert found.counts == (5, 4) and found.kept == Kept(8, None)
    assert [s.num_steps for s in found.plan.sessions] == [5, 4]


def test_steps_that_were_lost_when_a_session_was_stopped_do_not_count() -> None:
    stopped = (ComputedFrom(0, (ComputedLayers(0, 3, 1, HOST),)), ComputedFrom(4, ()))
    sessions = [session(1, computed=stopped), session(2, first_epoch=2)]
    found = claim(sessions, steps(3, 3, 3))
    assert found.counts == (4, 3)
    assert [(s.epoch, s.step) for s in found.steps[3:5]] == [(2, 1), (3, 1)]
    nothing = (ComputedFrom(0, ()),)
    found = claim([session(1, computed=nothing), session(2)], steps(3, 2))
    assert found.counts == (0, 5) and len(found.plan.sessions) == 2


def test_a_session_has_no_more_steps_than_it_was_asked_for() -> None:
    assert claim([session()], steps(3, 3, 3, 3, 2)).counts == (12,)


def test_what_follows_a_gap_is_left_out() -> None:
    recorded = [s for s in steps(3, 3) if (s.epoch, s.step) != (2, 2)]
    found = claim([session()], recorded, [KeptAt(1, 6, "a")])
    assert found.counts == (4,) and found.kept is None


def test_what_follows_a_session_whose_last_steps_are_missing_is_left_out() -> None:
    stopped = (ComputedFrom(0, (ComputedLayers(0, 3, 1, HOST),)), ComputedFrom(5, ()))
    sessions = [session(1, computed=stopped), session(2, first_epoch=2)]
    assert claim(sessions, [*steps(3, 1), *steps(3, first=3)]).counts == (4, 0)
    assert claim(sessions, [*steps(3, 2), *steps(3, first=3)]).counts == (5, 3)


def test_nothing_trained_and_more_than_was_trained_are_refused() -> None:
    with pytest.raises(NoTrainedWeights, match="Job 7 has no step on record yet: train it"):
        claim([], [])
    with pytest.raises(InvalidRequest, match=r"steps is 7, but job 7 has 6 steps .* at most 6"):
        claim([session()], steps(3, 3), asked=7)


def test_the_threads_are_those_that_were_noted() -> None:
    layers = (ComputedLayers(0, 2, 2, HOST), ComputedLayers(2, 3, 1, HOST))
    noted = (ComputedFrom(0, layers), ComputedFrom(4, (ComputedLayers(0, 3, 1, HOST),)))
    (replayed,) = claim([session(computed=noted)], steps(3, 3)).plan.sessions
    assert replayed.threads == (
        ThreadsFrom(0, (LayerThreads(0, 2, 2), LayerThreads(2, 3, 1))),
        ThreadsFrom(4, (LayerThreads(0, 3, 1),)),
    )
    assert [replayed.layers_at(step)[0].threads for step in (0, 3, 4, 9)] == [2, 2, 1, 1]
