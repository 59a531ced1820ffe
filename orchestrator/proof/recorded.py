"""The records of a job's training, and the replay to compare them with. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from actors.core.model.blocks import num_blocks
from actors.core.model.model_spec import ModelSpec
from actors.core.progress.snapshots import Position
from actors.core.stages.replay import LayerThreads, ReplayPlan, ReplaySession, ThreadsFrom
from actors.core.stages.specs import SessionSpec
from orchestrator.errors import InvalidRequest, NoTrainedWeights
from orchestrator.proof.bit_equality import ComputedFrom
from orchestrator.store.log.entries import KEPT_FIRST, LoggedStep

MAX_STEPS = KEPT_FIRST
"""The most steps of one replay: so many of a job's first are always on record."""


@dataclass(frozen=True)
class RecordedSession:
    """A train call; ``spec`` is what its stages got. ``last_cut`` has the layers and threads of its
    last devices, for a session without ``computed``. ``given_up`` says why equal bits are not to be
    expected."""

    index: int
    spec: SessionSpec
    computed: tuple[ComputedFrom, ...] = ()
    last_cut: tuple[LayerThreads, ...] = ()
    given_up: tuple[str, ...] = ()

    @property
    def max_steps(self) -> int:
        """Recorded steps beyond this were lost, and later steps do not follow from them."""
        ends = [known.first_step for known in self.computed if not known.layers]
        return min([*ends, self.spec.length.total])


@dataclass(frozen=True)
class KeptAt:
    """A session's weights are kept as they were after ``step`` of its steps; ``checkpoint_id`` is
    None for those that are in memory alone."""

    session: int
    step: int
    checkpoint_id: str | None


@dataclass(frozen=True)
class Kept:
    """Weights kept after ``total_steps`` since the weights were drawn."""

    total_steps: int
    checkpoint_id: str | None


@dataclass(frozen=True)
class Claim:
    """What a replay has to compare: ``steps`` in their order, and for each of ``sessions`` as many
    steps as ``counts`` says. ``kept`` are the weights to compare, ``next_kept`` is the first later
    step with kept weights."""

    job_id: str
    model: ModelSpec
    sessions: tuple[RecordedSession, ...]
    counts: tuple[int, ...]
    steps: tuple[LoggedStep, ...]
    kept: Kept | None = None
    next_kept: int | None = None

    @property
    def plan(self) -> ReplayPlan:
        """For the replay."""
        weights_at = None if self.kept is None else self.kept.total_steps
        sessions = tuple(
            ReplaySession(session.spec, count, _threads(session, self.model))
            for session, count in zip(self.sessions, self.counts, strict=True)
        )
        return ReplayPlan(self.model, sessions, weights_at)


def claim_of(
    job_id: str,
    model: ModelSpec,
    sessions: Sequence[RecordedSession],
    recorded: Sequence[LoggedStep],
    kept: Iterable[KeptAt],
    asked: int | None,
) -> Claim:
    """The claim for a replay of ``asked`` steps; by default as many as lead to kept weights, or
    all.

    Raises ``NoTrainedWeights`` if nothing was trained, ``InvalidRequest`` for more steps than there
    are.
    """
    by_session = _sort(sessions, recorded)
    counts = [len(steps) for steps in by_session]
    trained = sum(counts)
    if trained == 0:
        raise NoTrainedWeights(
            f"Job {job_id} has no step on record yet: train it with POST "
            f"/api/network/train/{job_id}, and verify it then"
        )
    if asked is not None and asked > trained:
        raise InvalidRequest(
            f"steps is {asked}, but job {job_id} has {trained} steps on record: use at most "
            f"{trained}"
        )
    found = _placed(sessions, counts, kept)
    num_steps = asked or min(min(found, default=trained), trained)
    at = max((step for step in found if step <= num_steps), default=None)
    beyond = min((step for step in found if step > num_steps), default=None)
    return Claim(
        job_id,
        model,
        tuple(sessions),
        _at_most(counts, num_steps),
        tuple(itertools.chain.from_iterable(by_session))[:num_steps],
        None if at is None else Kept(at, found[at]),
        beyond,
    )


def _sort(
    sessions: Sequence[RecordedSession], recorded: Sequence[LoggedStep]
) -> list[list[LoggedStep]]:
    """The steps of each session, up to the first that is not on record."""
    found: list[list[LoggedStep]] = [[] for _ in sessions]
    for record in recorded if sessions else ():
        own = _session_of(sessions, record.epoch)
        session, steps = sessions[own], found[own]
        if len(steps) >= session.max_steps:
            continue
        if not steps and not _are_whole(sessions[:own], found):
            break
        if (record.epoch, record.step) != _following(steps, session.spec):
            break
        steps.append(record)
    return found


def _are_whole(sessions: Sequence[RecordedSession], found: Sequence[Sequence[LoggedStep]]) -> bool:
    """Whether all their steps are on record, as far as it was noted where they ended."""
    pairs = zip(sessions, found, strict=False)
    return all(len(steps) == s.max_steps for s, steps in pairs if s.computed)


def _following(steps: Sequence[LoggedStep], spec: SessionSpec) -> Position:
    """Epoch and step behind these of a session."""
    epochs, step = divmod(len(steps), spec.num_steps)
    return spec.first_epoch_index + epochs + 1, step + 1


def _session_of(sessions: Sequence[RecordedSession], epoch: int) -> int:
    begun = [i for i, s in enumerate(sessions) if s.spec.first_epoch_index < epoch]
    return begun[-1]


def _placed(
    sessions: Sequence[RecordedSession], counts: Sequence[int], kept: Iterable[KeptAt]
) -> dict[int, str | None]:
    """By steps since the weights were drawn; those beyond the records can't be reached."""
    indices = [session.index for session in sessions]
    before = dict(zip(indices, itertools.accumulate(counts, initial=0), strict=False))
    done = dict(zip(indices, counts, strict=True))
    return {
        before[at.session] + at.step: at.checkpoint_id
        for at in kept
        if at.session in done and 0 < at.step <= done[at.session]
    }


def _at_most(counts: Sequence[int], num_steps: int) -> tuple[int, ...]:
    left = num_steps
    taken = []
    for count in counts:
        taken.append(min(count, left))
        left -= taken[-1]
    return tuple(taken)


def _threads(session: RecordedSession, model: ModelSpec) -> tuple[ThreadsFrom, ...]:
    """The recorded threads, or the best guess."""
    if session.computed:
        return tuple(
            ThreadsFrom(
                known.first_step,
                tuple(LayerThreads(own.start, own.end, own.threads) for own in known.layers),
            )
            for known in session.computed
            if known.layers
        )
    guess = session.last_cut or (LayerThreads(0, num_blocks(model), 1),)
    return (ThreadsFrom(0, guess),)
