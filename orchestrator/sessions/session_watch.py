"""Watches one generation of a session to its end, and publishes what the stages report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

import ray

from actors.core.errors import ChannelClosed, ChannelTimeout, TandemError, error_text
from actors.core.progress.snapshots import TrainingState
from actors.loop.reports import KernelKills, Progress, Seen, StageReport, StageSeconds
from orchestrator.connection.out_of_memory import REMEDY
from orchestrator.sessions.members.shortage import shortage
from orchestrator.sessions.recovery.group_failure import (
    GroupFailure,
    Suspect,
    choose_end,
    out_of_memory,
)
from orchestrator.sessions.recovery.kernel_kill import count_kills, why_ended
from orchestrator.sessions.stage_group import StageGroup
from orchestrator.sessions.starting.arrivals import NotArrived

POLL_INTERVAL_S = 0.2
ROOT_CAUSE_WAIT_S = 2.0
NOT_BEGUN = StageReport(Progress(), (), (), StageSeconds(), 0, 0, 0)
LINK_GRACE_S = 0.25
"""A device that is silent is found before its links are."""


@dataclass(frozen=True)
class GenerationOutcome:
    """How a generation ended: all epochs done, or stopped earlier."""

    completed: bool
    state: TrainingState


@dataclass
class _Heartbeat:
    """The poll under way at one stage, since when, and the last answer."""

    ref: Any
    since: float
    report: StageReport | None = None
    seen: Seen = field(default_factory=Seen)

    def take(self, report: StageReport | None) -> None:
        """The answer has come, and is published at once."""
        if report is not None:
            new_epochs, new_steps = len(report.epochs), len(report.steps)
            num_lines = report.lines[-1].number + 1 if report.lines else self.seen.lines
            epochs, steps = self.seen.epochs + new_epochs, self.seen.steps + new_steps
            self.seen = Seen(epochs, steps, num_lines)
            self.report = report


@dataclass
class SessionWatch:
    """Watches the stages of one running generation until all have ended or one has failed.

    ``publish`` is called with every stage's latest report, about five times a second; epochs,
    steps and log lines come in one report each.
    """

    group: StageGroup
    run_refs: Sequence[Any]
    heartbeat_timeout_s: float
    publish: Callable[[Sequence[StageReport]], None]
    _results: dict[int, bool] = field(default_factory=dict)
    _ends: dict[Future[Any], int] = field(default_factory=dict)
    _beats: list[_Heartbeat] = field(default_factory=list)

    def wait(self) -> GenerationOutcome:
        """Raises ``GroupFailure`` with the root cause when a stage fails, dies or freezes, or a
        link between two is dead."""
        self._ends = {ref.future(): index for index, ref in enumerate(self.run_refs)}
        now = time.monotonic()
        self._beats = [_Heartbeat(actor.poll.remote(Seen()), now) for actor in self.group.actors]
        while len(self._results) < len(self.run_refs):
            self._collect_ended()
            self._collect_polls()
            self._check_links()
        try:
            self._publish_last()
            state = self.group.collect_state()
        except NotArrived as error:
            label = self.group.placements[error.stage].label
            text = f"when the session had ended, {label} {error.why}"
            raise GroupFailure(text, can_recover=True) from error
        return GenerationOutcome(all(self._results.values()), state)

    def _collect_ended(self) -> None:
        running = [end for end, index in self._ends.items() if index not in self._results]
        # Not by ray.wait: its timeout is a time of day, and an hour late when that is set back.
        done, _ = futures.wait(running, POLL_INTERVAL_S, futures.FIRST_COMPLETED)
        for index in sorted(self._ends[end] for end in done):
            try:
                self._results[index] = ray.get(self.run_refs[index])
            except ray.exceptions.RayError as error:
                raise self._root_cause(index, error) from error

    def _collect_polls(self) -> None:
        now = time.monotonic()
        fresh = False
        for index, beat in enumerate(self._beats):
            if index in self._results:
                continue
            done, _ = ray.wait([beat.ref], timeout=0)
            if done:
                beat.take(self._answer(index, beat))
                beat.ref, beat.since = self.group.actors[index].poll.remote(beat.seen), now
                fresh = True
            elif now - beat.since > self.heartbeat_timeout_s:
                placement = self.group.placements[index]
                self.group.give_up(index)
                raise GroupFailure(
                    f"{placement.label} has not answered for {self.heartbeat_timeout_s:.0f} s: is "
                    "it switched off, asleep or unplugged?",
                    can_recover=True,
                )
        if fresh:
            self._publish()

    def _publish(self) -> None:
        """Runs also before a stage has begun, because the stages do not keep what they have
        reported."""
        if all(beat.report is None for beat in self._beats):
            return
        self.publish([beat.report or NOT_BEGUN for beat in self._beats])
        for beat in self._beats:  # reported once
            if beat.report is not None:
                beat.report = replace(beat.report, epochs=(), steps=(), lines=())

    def _check_links(self) -> None:
        """Both ends answer the JobManager, but not each other."""
        longest_s = max((s for _, _, s in self._silences()), default=0.0)
        if longest_s < self.heartbeat_timeout_s + LINK_GRACE_S:
            return
        # Links that died together are not seen to do so in the same moment.
        together = [(i, j) for i, j, s in self._silences() if s >= self.heartbeat_timeout_s / 2]
        link = choose_end(together)
        kept, dropped = (self.group.placements[i] for i in (link.kept, link.dropped))
        raise GroupFailure(
            f"{kept.label} and {dropped.label} have not reached each other for {longest_s:.0f} s, "
            "though both are well: see the cable, the Wi-Fi or a firewall between them. Going on "
            f"without {dropped.label} for a while",
            can_recover=True,
            suspect=Suspect(dropped.device.device_id, kept.device.device_id),
        )

    def _silences(self) -> Iterator[tuple[int, int, float]]:
        """(stage, other stage, seconds since that answered it), where both answer polls."""
        now = time.monotonic()
        well = {
            index
            for index, beat in enumerate(self._beats)
            if index not in self._results and now - beat.since < self.heartbeat_timeout_s / 2
        }
        for index in well:
            report = self._beats[index].report
            for other, silent_s in ({} if report is None else report.silent_s).items():
                if other in well:
                    yield index, other, silent_s

    def _answer(self, index: int, beat: _Heartbeat) -> StageReport | None:
        try:
            report: StageReport | None = ray.get(beat.ref)
            return report
        except ray.exceptions.RayError as error:
            raise self._root_cause(index, error) from error

    def _publish_last(self) -> None:
        polls = zip(self.group.actors, self._beats, strict=True)
        refs = {i: actor.poll.remote(beat.seen) for i, (actor, beat) in enumerate(polls)}
        for stage, report in self.group.arrived(refs, 0).items():
            self._beats[stage].take(report)
        self._publish()

    def _root_cause(self, index: int, error: Exception) -> GroupFailure:
        """The failure that came first: a stage whose neighbour died only sees its channel close."""
        failures = {index: error}
        waiting = {end: i for end, i in self._ends.items() if i not in self._results and i != index}
        deadline = time.monotonic() + ROOT_CAUSE_WAIT_S
        while _is_consequence(failures) and waiting and time.monotonic() < deadline:
            done, _ = futures.wait(waiting, POLL_INTERVAL_S, futures.FIRST_COMPLETED)
            for end in done:
                other = waiting.pop(end)
                try:
                    ray.get(self.run_refs[other])
                except ray.exceptions.RayError as other_error:
                    failures[other] = other_error
        culprit = min(failures, key=lambda i: (_is_channel_error(failures[i]), i != index))
        return self._describe(culprit, failures[culprit])

    def _describe(self, index: int, error: Exception) -> GroupFailure:
        placement = self.group.placements[index]
        label, cause = placement.label, getattr(error, "cause", None)
        suspect = Suspect(placement.device.device_id)
        if (short := shortage(error)) is not None:
            return GroupFailure(f"{label} {short}", can_recover=True, suspect=suspect)
        if isinstance(cause, TandemError):
            return GroupFailure(f"{label}: {cause.message}", _is_channel_error(error))
        if (memory := out_of_memory(error)) is not None:
            # Refused by PyTorch it would be so again; what Ray ended may have room another time.
            return GroupFailure(f"{label} {memory}. Remedy: {REMEDY}", cause is None, suspect)
        if cause is not None:
            can_recover = isinstance(cause, ray.exceptions.RayError)
            return GroupFailure(
                f"{label} raised {type(cause).__name__}: {error_text(cause)}", can_recover
            )
        if isinstance(error, ray.exceptions.ActorDiedError | ray.exceptions.ActorUnavailableError):
            if (killed := self._why_killed(index)) is not None:
                return GroupFailure(f"{label} {killed}. Remedy: {REMEDY}", True, suspect)
            gone = f"{label} is gone: its LayerActor or its Ray node ended ({_line(error)})"
            return GroupFailure(gone, can_recover=True)
        return GroupFailure(f"{label} failed: {_line(error)}", can_recover=True)

    def _why_killed(self, index: int) -> str | None:
        """Says so if its last answer and its node show that most likely the kernel ended it."""
        report = self._beats[index].report if self._beats else None
        if report is None or report.kills == KernelKills():
            return None
        now = count_kills(self.group.placements[index].resolved.node)
        return None if now is None else why_ended(report.kills, now)


def _is_channel_error(error: Exception) -> bool:
    return isinstance(getattr(error, "cause", None), ChannelClosed | ChannelTimeout)


def _is_consequence(failures: dict[int, Exception]) -> bool:
    return all(_is_channel_error(error) for error in failures.values())


def _line(error: Exception) -> str:
    return error_text(error)[:300]
