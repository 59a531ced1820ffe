"""Runs a replay in an actor of its own, which ends with it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from actors.core.patience import patience_s
from actors.core.progress.snapshots import TrainingState
from actors.core.stages.replay import ReplayPlan
from actors.replayer import PackedReplay, Replayer
from orchestrator.data.stored_objects import stored_bytes
from orchestrator.data.stored_splits import StoredDataset
from orchestrator.errors import ReplayFailed
from orchestrator.identity import draw_identity
from orchestrator.sessions.recovery.group_failure import cause_text

REPLAY_LIMIT_S = 60.0
CANCEL_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class ReplayPlace:
    """A live node, and what texts call the device there."""

    node_id: str
    label: str


class Verification:
    """One that is under way, of a job; another thread may cancel it."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        self.ended = threading.Event()
        self._lock = threading.Lock()
        self._actor: Any = None
        self._cancelled = False

    def cancel(self) -> None:
        """Whatever it does, it soon raises ``ReplayFailed``."""
        with self._lock:
            self._cancelled = True
            if self._actor is not None:
                ray.kill(self._actor, no_restart=True)

    def replay(
        self,
        place: ReplayPlace,
        plan: ReplayPlan,
        data: StoredDataset,
        initial: TrainingState | None,
        start_timeout_s: float,
    ) -> PackedReplay:
        """From ``initial``, or from the seed. Raises ``ReplayFailed``; leaves no process behind."""
        actor = self._start(place)
        references = [data.train_inputs, data.train_targets]
        if initial is not None:
            references.append(ray.put({n: t.numpy() for n, t in initial.weights.items()}))
        fetching_s = patience_s(stored_bytes(references))
        timeout_s = start_timeout_s + fetching_s + REPLAY_LIMIT_S
        try:
            answer = actor.replay.remote(plan, references, data.reading, fetching_s, REPLAY_LIMIT_S)
            packed: PackedReplay = ray.get(answer, timeout=timeout_s)
        except ray.exceptions.RayError as error:
            raise self._failed(place, error, timeout_s) from error
        finally:
            with self._lock:
                self._actor = None
            ray.kill(actor, no_restart=True)
        return packed

    def _start(self, place: ReplayPlace) -> Any:
        strategy = NodeAffinitySchedulingStrategy(place.node_id, soft=False)
        actor_class: Any = ray.remote(Replayer)
        with self._lock:
            if self._cancelled:
                raise self._was_cancelled()
            self._actor = actor_class.options(
                name=draw_identity(f"job-{self.job_id}-replay"),
                num_cpus=0,
                scheduling_strategy=strategy,
                max_restarts=0,
                max_task_retries=0,
            ).remote()
            return self._actor

    def _failed(self, place: ReplayPlace, error: Exception, timeout_s: float) -> ReplayFailed:
        if self._cancelled:
            return self._was_cancelled()
        if isinstance(error, ray.exceptions.GetTimeoutError):
            return ReplayFailed(
                f"{place.label} did not finish the replay within {timeout_s:.0f} s: is it "
                "overloaded or frozen? See the Ray dashboard"
            )
        return ReplayFailed(f"{place.label} could not do the replay: {cause_text(error)[:300]}")

    def _was_cancelled(self) -> ReplayFailed:
        return ReplayFailed(
            f"The verification was ended because job {self.job_id} is being deleted"
        )


class Verifications:
    """Those under way, of all jobs."""

    def __init__(self) -> None:
        self._under_way: set[Verification] = set()
        self._lock = threading.Lock()

    @contextmanager
    def begun(self, job_id: str) -> Iterator[Verification]:
        """It counts as under way within the block."""
        own = Verification(job_id)
        with self._lock:
            self._under_way.add(own)
        try:
            yield own
        finally:
            with self._lock:
                self._under_way.discard(own)
            own.ended.set()

    def cancel(self, job_id: str) -> None:
        """Those of a job; waits until they have ended."""
        with self._lock:
            found = [own for own in self._under_way if own.job_id == job_id]
        for own in found:
            own.cancel()
            own.ended.wait(CANCEL_TIMEOUT_S)
