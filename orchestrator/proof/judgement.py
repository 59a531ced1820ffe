"""Holds a replay against what is on record: equal bit for bit, or how far off, and why. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from actors.core.progress.snapshots import Tensors
from actors.core.stages.replay import Replayed
from orchestrator.proof.recorded import Claim, RecordedSession
from orchestrator.store.log.entries import LoggedStep

TINY = 1e-12
"""The smallest size with which a difference is compared: a value without a size has no relative
difference."""
HOST_WORDS = {
    "cpu": "CPU",
    "torch": "build of PyTorch",
    "tandem": "version of Tandem",
    "device": "device",
}


@dataclass(frozen=True)
class Place:
    """Where the replay ran: the device's name in texts, its kind of host, and the seconds."""

    label: str
    host: Mapping[str, str]
    seconds: float


@dataclass(frozen=True)
class Distance:
    """Relative to what the plain loop gave: of each step's loss, or of each parameter by the
    2-norms of the difference and of what it differs from."""

    largest: float
    mean: float

    @classmethod
    def of(cls, parts: Sequence[float]) -> Distance | None:
        """None if one is not a number, or is missing."""
        if not parts or not all(map(math.isfinite, parts)):
            return None
        return cls(max(parts), math.fsum(parts) / len(parts))

    @property
    def text(self) -> str:
        """For people."""
        return f"{self.largest:.2g} of its size at most, {self.mean:.2g} in the mean"


@dataclass(frozen=True)
class Evidence:
    """The result of a replay. ``kept`` are the recorded weights of ``claim.kept``; if they can't be
    read, ``unreadable`` says why."""

    claim: Claim
    replayed: Replayed
    kept: Tensors | None
    unreadable: str | None
    place: Place


@dataclass(frozen=True)
class _Losses:
    """``first`` is the first step that differs, from 0; ``largest`` None where one is no number."""

    first: int | None
    largest: float | None
    distance: Distance | None


@dataclass(frozen=True)
class _Weights:
    """``note`` says why they were not compared."""

    at: int | None = None
    equal: bool | None = None
    largest: float | None = None
    parameter: str | None = None
    note: str | None = None
    distance: Distance | None = None


def judge(evidence: Evidence) -> dict[str, Any]:
    """The answer of ``POST /api/jobs/<job_id>/verify``."""
    losses, weights = _compare_losses(evidence), _compare_weights(evidence)
    equal = losses.first is None and weights.equal is not False
    until = losses.first if losses.first is not None else weights.at or 0
    given = _given_up(evidence.claim)
    return {
        "job_id": evidence.claim.job_id,
        "equal": equal,
        "equality_expected": not given,
        "steps": len(evidence.replayed.losses),
        "largest_loss_difference": losses.largest,
        "relative_loss_difference": _shown_distance(losses.distance),
        "first_difference": _shown_difference(evidence, losses),
        "weights": {
            "compared_at_step": weights.at,
            "equal": weights.equal,
            "largest_difference": weights.largest,
            "relative_difference": _shown_distance(weights.distance),
            "parameter": weights.parameter,
            "note": weights.note,
        },
        "reason": [] if equal else _reasons(evidence, until),
        "device": evidence.place.label,
        "host": dict(evidence.place.host),
        "seconds": evidence.place.seconds,
        "message": _message(evidence, losses, weights, given),
    }


def _given_up(claim: Claim) -> list[str]:
    """Why equal bits were not to be expected in any of these steps."""
    return [
        reason
        for session, count in zip(claim.sessions, claim.counts, strict=True)
        for reason in session.given_up
        if count
    ]


def _shown_distance(distance: Distance | None) -> dict[str, float] | None:
    return None if distance is None else asdict(distance)


def _compare_losses(evidence: Evidence) -> _Losses:
    pairs = list(zip(evidence.claim.steps, evidence.replayed.losses, strict=False))
    unequal = [i for i, (step, loss) in enumerate(pairs) if step.loss != loss]
    off = [abs(step.loss - loss) for step, loss in pairs]
    largest = max(off) if all(map(math.isfinite, off)) else None
    distance = Distance.of([abs(s.loss - loss) / max(abs(loss), TINY) for s, loss in pairs])
    return _Losses(unequal[0] if unequal else None, largest, distance)


def _compare_weights(evidence: Evidence) -> _Weights:
    claim, found = evidence.claim, evidence.replayed.weights
    if claim.kept is None:
        return _Weights(note=_none_kept(claim))
    at = claim.kept.total_steps
    if evidence.kept is None:
        return _Weights(note=f"the weights of step {at} can't be read: {evidence.unreadable}")
    if found is None:
        return _Weights(
            note=f"there was not enough time to reach step {at}, whose weights are kept"
        )
    unequal = [name for name, kept in evidence.kept.items() if not _same_bits(kept, found[name])]
    off = {name: _distance(kept, found[name]) for name, kept in evidence.kept.items()}
    if not all(map(math.isfinite, off.values())):
        return _Weights(at, not unequal, None, unequal[0] if unequal else None)
    farthest = max(unequal, key=lambda name: off[name], default=None)
    distance = Distance.of([_relative(kept, found[name]) for name, kept in evidence.kept.items()])
    return _Weights(at, not unequal, max(off.values()), farthest, distance=distance)


def _none_kept(claim: Claim) -> str:
    if claim.next_kept is None:
        return "no weights of this or an earlier step are kept"
    return (
        f"no weights of this or an earlier step are kept; the next are those of step "
        f"{claim.next_kept}"
    )


def _same_bits(one: torch.Tensor, other: torch.Tensor) -> bool:
    if (one.dtype, one.shape) != (other.dtype, other.shape):
        return False
    return torch.equal(*(t.contiguous().view(-1).view(torch.uint8) for t in (one, other)))


def _distance(one: torch.Tensor, other: torch.Tensor) -> float:
    """The largest of any number; computed in float64, in which it is exact or nearly so."""
    return (one.double() - other.double()).abs().max().item()


def _relative(one: torch.Tensor, other: torch.Tensor) -> float:
    """The 2-norm of the difference divided by that of ``other``."""
    off: float = torch.linalg.vector_norm(one.double() - other.double()).item()
    size: float = torch.linalg.vector_norm(other.double()).item()
    return off / max(size, TINY)


def _shown_difference(evidence: Evidence, losses: _Losses) -> dict[str, Any] | None:
    if losses.first is None:
        return None
    step, loss = evidence.claim.steps[losses.first], evidence.replayed.losses[losses.first]
    recorded = step.loss if math.isfinite(step.loss) else None
    replayed = loss if math.isfinite(loss) else None
    place = {"epoch": step.epoch, "step": step.step}
    return {**place, "loss": recorded, "replayed_loss": replayed}


def _reasons(evidence: Evidence, until: int) -> list[str]:
    """Why bits may differ that differ first after ``until`` whole steps: what was not the same."""
    sessions = list(_sessions_until(evidence.claim, until))
    place = evidence.place
    reasons = [reason for s, own in sessions for reason in _unlike_hosts(place, s, own)]
    for session, _ in sessions:
        reasons += session.given_up
        if not session.computed:
            reasons.append(
                f"the threads of each layer in session {session.index}, and the kind of CPU, were "
                "not noted: an earlier version of Tandem trained it"
            )
    return list(dict.fromkeys(reasons)) or [_unexplained(evidence)]


def _unexplained(evidence: Evidence) -> str:
    return (
        "none is known: kind of CPU, build of PyTorch, threads, device and precision are those of "
        "the training. Either the records were changed, or this is an "
        f"error in Tandem. See GET /api/jobs/{evidence.claim.job_id}/events"
    )


def _sessions_until(claim: Claim, until: int) -> Iterator[tuple[RecordedSession, int]]:
    """The sessions begun by then, each with the number of its own steps until then."""
    begun = 0
    for session, count in zip(claim.sessions, claim.counts, strict=True):
        if count and begun <= until:
            yield session, until - begun
        begun += count


def _unlike_hosts(place: Place, session: RecordedSession, until: int) -> Iterator[str]:
    for known in session.computed:
        if known.first_step > until:
            continue
        for own in known.layers:
            for what, trained in own.host.items():
                here = place.host.get(what)
                if here != trained:
                    word = HOST_WORDS.get(what, what)
                    yield (
                        f"{word}: layers [{own.start}, {own.end}) were trained on {trained}, and "
                        f"replayed on {here}"
                    )


def _message(evidence: Evidence, losses: _Losses, weights: _Weights, given: Sequence[str]) -> str:
    expected = [f"Equal bits were not to be expected, {reason}." for reason in given[:1]]
    told = [_losses_text(evidence, losses), _weights_text(weights)]
    return " ".join([*expected, *told, *_shortened(evidence)])


def _losses_text(evidence: Evidence, losses: _Losses) -> str:
    count = len(evidence.replayed.losses)
    what = "The first step" if count == 1 else f"The first {count} steps"
    how = f"{what}, trained again by a plain PyTorch loop on {evidence.place.label}, gave"
    if losses.first is None:
        return f"{how} the same losses, bit for bit."
    step: LoggedStep = evidence.claim.steps[losses.first]
    off = "no number" if losses.largest is None else f"{losses.largest:.3g} at most"
    return (
        f"{how} other losses from step {step.step} of epoch {step.epoch} on: {step.loss!r} is on "
        f"record there, and {evidence.replayed.losses[losses.first]!r} came out. The difference is "
        f"{off}{_distance_text(losses.distance)}."
    )


def _distance_text(distance: Distance | None) -> str:
    return "" if distance is None else f" ({distance.text})"


def _weights_text(weights: _Weights) -> str:
    if weights.equal is None:
        return f"Weights were not compared: {weights.note}."
    if weights.equal:
        return f"The weights after step {weights.at} are the same, bit for bit."
    off = "no number" if weights.largest is None else f"{weights.largest:.3g} at most"
    return (
        f"The weights after step {weights.at} differ, those of {weights.parameter} most: the "
        f"difference is {off}{_distance_text(weights.distance)}."
    )


def _shortened(evidence: Evidence) -> Iterator[str]:
    wanted, done = len(evidence.claim.steps), len(evidence.replayed.losses)
    if done < wanted:
        yield f"After {evidence.place.seconds:.0f} s it stopped, {wanted - done} steps short."
