"""Has the stages of a job that trains record their next steps, and makes one timeline of that."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import ray

from actors.core.tracing.chrome_trace import Lane, PlaceOf, chrome_trace
from actors.core.tracing.host_clocks import ClockOffset, RoundTrip, clock_offset
from actors.core.tracing.slices import Slice, StageTrace, TraceWindow
from actors.host.this_boot import THIS_BOOT
from orchestrator.errors import Conflict, IllegalTransition, Unavailable
from orchestrator.jobs.job import Job
from orchestrator.sessions.stage_group import StageGroup

LIMIT_S = 60.0
"""The longest wait for the steps. What has been recorded by then is shown."""
ROUND_TRIPS = 8
TRIES = 14
"""The stages are asked to begin ever further ahead: at last by 8,192 steps."""


class TraceDesk:
    """``group_of`` gives the LayerActors of a job that trains; None if there are none now."""

    def __init__(
        self, group_of: Callable[[str], StageGroup | None], heartbeat_timeout_s: float
    ) -> None:
        self._group_of = group_of
        self._timeout_s = heartbeat_timeout_s
        self._lock = threading.Lock()
        self._under_way: set[str] = set()

    def trace(self, job: Job, num_steps: int) -> dict[str, Any]:
        """The next steps as a Chrome trace; fewer if the job ends sooner, or ``LIMIT_S`` are over.
        Raises ``IllegalTransition`` if it does not train, ``Conflict`` while it is traced,
        ``Unavailable`` if a device is lost meanwhile."""
        with self._alone(job):
            group = self._group_of(job.job_id)
            if group is None or not job.is_active:
                raise IllegalTransition(
                    f"Job {job.job_id} is {job.status.value}, and no device trains it now: only "
                    "steps under way can be traced. Ask again while GET /api/jobs/"
                    f"{job.job_id} shows progress; POST /api/network/train/{job.job_id} starts it"
                )
            clocks = [self._clock_of(job, actor) for actor in group.actors]
            self._agree(job, group, num_steps)
            traces = self._ask(job, group, "traced", LIMIT_S, wait_s=LIMIT_S)
            return _shown(job, group, clocks, traces)

    @contextmanager
    def _alone(self, job: Job) -> Iterator[None]:
        with self._lock:
            if job.job_id in self._under_way:
                raise Conflict(
                    f"Job {job.job_id} is being traced by another request: wait until that one is "
                    f"answered, which takes {LIMIT_S:.0f} s at most"
                )
            self._under_way.add(job.job_id)
        try:
            yield
        finally:
            with self._lock:
                self._under_way.discard(job.job_id)

    def _agree(self, job: Job, group: StageGroup, num_steps: int) -> None:
        """Has every stage record the same steps: such as none has begun once it was asked."""
        first, ahead = 0, 1
        for _ in range(TRIES):
            window = TraceWindow(first, num_steps)
            latest = max(self._ask(job, group, "trace", window))
            if latest < first:
                return
            first, ahead = latest + 1 + ahead, 2 * ahead
        raise Unavailable(
            f"The devices of job {job.job_id} did not agree on the steps to trace, {TRIES} times "
            "in a row: try again; if it happens often, train with larger batches, whose steps take "
            "longer"
        )

    def _clock_of(self, job: Job, actor: Any) -> ClockOffset:
        trips = []
        for _ in range(ROUND_TRIPS):
            sent_s = time.perf_counter()
            (told,) = self._answers(job, [actor.clock.remote()], self._timeout_s)
            trips.append(RoundTrip(sent_s, told, time.perf_counter()))
        return clock_offset(trips, THIS_BOOT)

    def _ask(
        self, job: Job, group: StageGroup, method: str, asked: Any, wait_s: float = 0.0
    ) -> list[Any]:
        refs = [getattr(actor, method).remote(asked) for actor in group.actors]
        return self._answers(job, refs, wait_s + self._timeout_s)

    def _answers(self, job: Job, refs: Sequence[Any], timeout_s: float) -> list[Any]:
        ends = [ref.future() for ref in refs]
        futures.wait(ends, timeout_s)
        try:
            return [end.result(0) for end in ends]
        except (futures.TimeoutError, ray.exceptions.RayError) as error:
            raise Unavailable(
                f"Job {job.job_id} ended, or lost a device, while it was traced: see GET "
                f"/api/jobs/{job.job_id}, and ask again while it trains"
            ) from error


def _shown(
    job: Job,
    group: StageGroup,
    clocks: Sequence[ClockOffset],
    traces: Sequence[StageTrace],
) -> dict[str, Any]:
    """Steps that every stage has recorded as a whole."""
    num_steps = min(trace.num_steps for trace in traces)
    if num_steps == 0:
        raise Conflict(
            f"Job {job.job_id} ended no further step within {LIMIT_S:.0f} s: ask again while GET "
            f"/api/jobs/{job.job_id} shows progress"
        )
    begin = min(each.step for trace in traces for each in trace.slices)
    lanes = [
        Lane(
            placement.device.device_id,
            f"{placement.label}: {_layers(placement.spec.start, placement.spec.end)}",
            _first_steps(trace.slices, begin + num_steps),
            clock,
            trace.computes_apart,
        )
        for placement, trace, clock in zip(group.placements, traces, clocks, strict=True)
    ]
    shown = chrome_trace(f"Job {job.job_id}", lanes, _place_of(job))
    epoch, step = _place_of(job)(begin)
    told = {"job_id": job.job_id, "num_steps": num_steps, "first_epoch": epoch, "first_step": step}
    return {**shown, "otherData": {**told, **shown["otherData"]}}


def _first_steps(slices: Sequence[Slice], end: int) -> list[Slice]:
    return [each for each in slices if each.step < end]


def _layers(start: int, end: int) -> str:
    return f"layer {start + 1}" if end == start + 1 else f"layers {start + 1} to {end}"


def _place_of(job: Job) -> PlaceOf:
    """A step's epoch and its number there, by the job's last session."""
    first_epoch, epoch_steps = job.sessions[-1].first_epoch_index, job.length.epoch_steps

    def place(done: int) -> tuple[int, int]:
        epoch, step = divmod(done, epoch_steps)
        return first_epoch + epoch + 1, step + 1

    return place
