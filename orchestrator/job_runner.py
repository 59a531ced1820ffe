"""Drives one session to its end: watches the stages, publishes what they report."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import ray

from actors.core.errors import ChannelClosed, ChannelTimeout, TandemError
from actors.core.stage import Weights
from actors.reports import StageReport
from orchestrator.errors import StageFailure
from orchestrator.stage_group import StageGroup

POLL_INTERVAL_S = 0.2
ROOT_CAUSE_WAIT_S = 2.0
COLLECT_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class SessionOutcome:
    """How a session ended; ``weights`` are all stages' parameters."""

    completed: bool
    weights: Weights
    reports: tuple[StageReport, ...]


@dataclass
class _Heartbeat:
    """The poll under way at one stage, since when, and the last answer."""

    ref: Any
    since: float
    report: StageReport | None = None


@dataclass
class SessionWatch:
    """Watches the stages of one running session until all have ended or one has failed.

    ``publish`` is called with every stage's latest report, about five times a second.
    """

    group: StageGroup
    run_refs: Sequence[Any]
    heartbeat_timeout_s: float
    publish: Callable[[Sequence[StageReport]], None]
    _results: dict[int, bool] = field(default_factory=dict)
    _beats: list[_Heartbeat] = field(default_factory=list)

    def wait(self) -> SessionOutcome:
        """Raises ``StageFailure`` with the root cause when a stage fails, dies or freezes."""
        now = time.monotonic()
        self._beats = [_Heartbeat(actor.poll.remote(), now) for actor in self.group.actors]
        while len(self._results) < len(self.run_refs):
            self._collect_ended()
            self._collect_polls()
        reports = self._final_reports()
        self.publish(reports)
        weights = self.group.collect_weights(COLLECT_TIMEOUT_S)
        return SessionOutcome(all(self._results.values()), weights, reports)

    def _collect_ended(self) -> None:
        running = [ref for i, ref in enumerate(self.run_refs) if i not in self._results]
        done, _ = ray.wait(running, num_returns=1, timeout=POLL_INTERVAL_S)
        for ref in done:
            index = list(self.run_refs).index(ref)
            try:
                self._results[index] = ray.get(ref)
            except ray.exceptions.RayError as error:
                raise self._root_cause(index, error) from error

    def _collect_polls(self) -> None:
        now = time.monotonic()
        for index, beat in enumerate(self._beats):
            if index in self._results:
                continue
            if ray.wait([beat.ref], timeout=0)[0]:
                beat.report = self._answer(index, beat) or beat.report
                beat.ref, beat.since = self.group.actors[index].poll.remote(), now
            elif now - beat.since > self.heartbeat_timeout_s:
                raise StageFailure(
                    f"{self.group.placements[index].label} has not answered for "
                    f"{self.heartbeat_timeout_s:.0f} s: is it switched off, asleep or unplugged?"
                )
        reports = [beat.report for beat in self._beats if beat.report is not None]
        if len(reports) == len(self._beats):
            self.publish(reports)

    def _answer(self, index: int, beat: _Heartbeat) -> StageReport | None:
        try:
            report: StageReport | None = ray.get(beat.ref)
            return report
        except ray.exceptions.RayError as error:
            raise self._root_cause(index, error) from error

    def _final_reports(self) -> tuple[StageReport, ...]:
        refs = [actor.poll.remote() for actor in self.group.actors]
        return tuple(ray.get(refs, timeout=COLLECT_TIMEOUT_S))

    def _root_cause(self, index: int, error: Exception) -> StageFailure:
        """The failure that came first: a stage whose neighbour died only sees its channel close."""
        failures = {index: error}
        waiting = {
            ref: i for i, ref in enumerate(self.run_refs) if i not in self._results and i != index
        }
        deadline = time.monotonic() + ROOT_CAUSE_WAIT_S
        while _is_consequence(failures) and waiting and time.monotonic() < deadline:
            done, _ = ray.wait(list(waiting), num_returns=1, timeout=POLL_INTERVAL_S)
            for ref in done:
                other = waiting.pop(ref)
                try:
                    ray.get(ref)
                except ray.exceptions.RayError as other_error:
                    failures[other] = other_error
        culprit = min(failures, key=lambda i: (_is_channel_error(failures[i]), i != index))
        return self._describe(culprit, failures[culprit])

    def _describe(self, index: int, error: Exception) -> StageFailure:
        label = self.group.placements[index].label
        cause = getattr(error, "cause", None)
        if isinstance(cause, TandemError):
            return StageFailure(f"{label}: {cause.message}")
        if cause is not None:
            return StageFailure(f"{label} raised {type(cause).__name__}: {cause}")
        if isinstance(error, ray.exceptions.ActorDiedError | ray.exceptions.ActorUnavailableError):
            return StageFailure(
                f"{label} is gone: its LayerActor or its Ray node ended ({_line(error)})"
            )
        return StageFailure(f"{label} failed: {_line(error)}")


def _is_channel_error(error: Exception) -> bool:
    return isinstance(getattr(error, "cause", None), ChannelClosed | ChannelTimeout)


def _is_consequence(failures: dict[int, Exception]) -> bool:
    return all(_is_channel_error(error) for error in failures.values())


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
