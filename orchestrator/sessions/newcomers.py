"""Devices that came back, or are new: taken in at an epoch's end where that pays."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from actors.core.snapshot_cadence import Boundary
from actors.core.specs import SessionSpec
from orchestrator.cost_model import is_worth_a_change, step_bound_s
from orchestrator.job import Job
from orchestrator.job_book import JobBook
from orchestrator.sessions.device_choice import DeviceChoice, plan_stages
from orchestrator.sessions.stage_group import StageGroup, StagePlacement

LOOK_INTERVAL_S = 2.0


@dataclass(frozen=True)
class _Offer:
    """A plan for a group, whose new devices are asked whether they are well."""

    group: StageGroup
    text: str
    are_well: Future[bool]


class Newcomers:
    """Of one session. ``look`` is called by the thread that polls the stages, and never waits."""

    def __init__(self, choice: DeviceChoice, book: JobBook, job: Job) -> None:
        self._choice = choice
        self._book = book
        self._job = job
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=f"newcomers-job-{job.job_id}")
        self._offer: _Offer | None = None
        self._taken_by: StageGroup | None = None
        self._looked_s = time.monotonic()

    def look(self, group: StageGroup, spec: SessionSpec, flops_per_s: Mapping[int, float]) -> None:
        """Ends the group at the epoch's end when a plan with more devices pays, and those are
        well; ``flops_per_s`` is by device, as far as measured."""
        if self._taken_by is group:
            return
        if self._offer is not None:
            if self._offer.are_well.done():
                self._answered(self._offer, group)
            return
        now_s = time.monotonic()
        if flops_per_s and now_s - self._looked_s >= LOOK_INTERVAL_S:
            self._looked_s = now_s
            self._make_offer(group, spec, flops_per_s)

    def close(self) -> None:
        """Whoever is asked still may answer; nobody listens."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _make_offer(
        self, group: StageGroup, spec: SessionSpec, flops_per_s: Mapping[int, float]
    ) -> None:
        placements = self._choice.best(self._job)
        if placements is None or len(placements) <= len(group.placements):
            return
        current, other = (
            self._step_s(p, spec, flops_per_s) for p in (group.placements, placements)
        )
        if not is_worth_a_change(current, other):
            return
        known = {p.device.device_id for p in group.placements}
        text = f"{len(placements)} devices should be {current / other:.1f} times as fast"
        asked = self._pool.submit(self._choice.are_well, placements, known)
        self._offer = _Offer(group, f"{text}: from the next epoch on", asked)

    def _step_s(
        self,
        placements: Sequence[StagePlacement],
        spec: SessionSpec,
        flops_per_s: Mapping[int, float],
    ) -> float:
        stages, network = plan_stages(placements), self._job.spec.network
        return step_bound_s(network, stages, flops_per_s, spec.batch_size, spec.num_microbatches)

    def _answered(self, offer: _Offer, group: StageGroup) -> None:
        """An offer to a group that has ended meanwhile is made anew."""
        self._offer = None
        if offer.group is group and offer.are_well.result():
            self._taken_by = group
            group.request_stop(Boundary.EPOCH)
            self._book.note(self._job, "replanning", offer.text)
