"""Devices that came back, or are new: taken in at an epoch's end where that pays."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from actors.background import Rounds
from actors.core.progress.snapshot_cadence import Boundary
from orchestrator.jobs.job import Job
from orchestrator.jobs.job_book import JobBook
from orchestrator.planning.job_planning import JobPlanning
from orchestrator.planning.verdict import is_worth_a_change
from orchestrator.sessions.measuring.layer_split import predicted_plan
from orchestrator.sessions.members.device_choice import Available, DeviceChoice
from orchestrator.sessions.stage_group import StageGroup, StagePlacement

LOOK_INTERVAL_S = 2.0


@dataclass(frozen=True)
class BetterPlan:
    """Places on more devices, and how many times as fast a step should be there."""

    placements: list[StagePlacement]
    speedup: float


@dataclass(frozen=True)
class _Offer:
    """A plan for a group; its new devices are asked whether they work."""

    group: StageGroup
    text: str
    are_well: Future[bool]


@dataclass(frozen=True)
class _Known:
    """Everything that a plan for newcomers depends on, and the plan that it has to beat."""

    available: Sequence[Available]
    planning: JobPlanning
    in_force: Sequence[StagePlacement]


class Newcomers:
    """Looks for one session. ``look`` never waits; the thread that polls the stages calls it."""

    def __init__(self, choice: DeviceChoice, book: JobBook, job: Job) -> None:
        self._choice = choice
        self._book = book
        self._job = job
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=f"newcomers-job-{job.job_id}")
        self._offer: _Offer | None = None
        self._refused: _Known | None = None
        self._taken_by: StageGroup | None = None
        self._looked_s = time.monotonic()
        self._rounds = Rounds(f"The search for spare devices of job {job.job_id}")

    def look(self, group: StageGroup) -> None:
        """Ends the group at the epoch's end when a plan with more devices pays, and those are
        well."""
        with self._rounds.round():  # a session does not fail for what it could do without
            self._look(group)

    def _look(self, group: StageGroup) -> None:
        if self._taken_by is group:
            return
        if self._offer is not None:
            if self._offer.are_well.done():
                self._answered(self._offer, group)
            return
        now_s = time.monotonic()
        if now_s - self._looked_s >= LOOK_INTERVAL_S:
            self._looked_s = now_s
            self._make_offer(group)

    def close(self) -> None:
        """Whoever is asked still may answer; nobody listens."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _make_offer(self, group: StageGroup) -> None:
        available = self._choice.obtainable(self._job)
        known = _Known(available, self._job.planning, group.placements)
        if known == self._refused:
            return  # a plan takes long, and the calling thread listens for heartbeats
        better = better_plan(self._choice, self._job, available, group.placements)
        if better is None:
            self._refused = known
            return
        trains = {p.device.device_id for p in group.placements}
        text = f"{len(better.placements)} devices should be {better.speedup:.1f} times as fast"
        asked = self._pool.submit(self._choice.are_well, better.placements, trains)
        self._offer = _Offer(group, f"{text}: from the next epoch on", asked)

    def _answered(self, offer: _Offer, group: StageGroup) -> None:
        """If a group has ended, an offer to it is made again."""
        self._offer = None
        if offer.group is group and offer.are_well.result():
            self._taken_by = group
            group.request_stop(Boundary.EPOCH)
            self._book.note(self._job, "replanning", offer.text)


def better_plan(
    choice: DeviceChoice,
    job: Job,
    available: Sequence[Available],
    in_force: Sequence[StagePlacement],
) -> BetterPlan | None:
    """The quickest plan on all devices that are ``available``, if they are more than those
    ``in_force`` and that is worth a change; both steps are predicted from what was measured of the
    devices."""
    placements = choice.best(job, available)
    if placements is None or len(placements) <= len(in_force):
        return None
    current_s, other_s = (
        predicted_plan(job, job.sessions[-1], p).step_s for p in (in_force, placements)
    )
    if not is_worth_a_change(current_s, other_s):
        return None
    return BetterPlan(placements, current_s / other_s)
