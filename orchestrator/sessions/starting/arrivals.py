"""Waits for bytes of several stages: as long as they take, while their devices answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from concurrent import futures
from concurrent.futures import Future
from typing import Any

import ray

from actors.core.patience import patience_s
from orchestrator.sessions.members.shortage import shortage
from orchestrator.sessions.recovery.group_failure import GivenUp, cause_text

LOOKS = 4
"""How often it looks in the time that a device may be silent."""


class NotArrived(Exception):
    """A stage's bytes did not come; ``why`` follows the name of its device, which ``is_slow`` where
    it answers and has not failed."""

    def __init__(self, stage: int, why: str, is_slow: bool = False) -> None:
        super().__init__(stage, why)
        self.stage = stage
        self.why = why
        self.is_slow = is_slow


def wait_for_bytes(
    refs: Mapping[int, Any],
    num_bytes: int,
    silent: Callable[[Collection[int]], Collection[int]],
    heartbeat_timeout_s: float,
    given_up: Callable[[], bool] = lambda: False,
) -> dict[int, Any]:
    """Waits for the object of each stage's reference, until all are here; ``num_bytes`` counts all.

    ``silent`` returns the stages that do not answer within ``heartbeat_timeout_s``: those are lost.
    A stage that answers has the time that its bytes need. Raises ``NotArrived``, ``GivenUp``.
    """
    ends: dict[Future[Any], int] = {ref.future(): stage for stage, ref in refs.items()}
    began_s, timeout_s, pending = time.monotonic(), patience_s(num_bytes), set(ends)
    while pending:
        look_s = heartbeat_timeout_s / LOOKS
        done, pending = futures.wait(pending, look_s, futures.FIRST_COMPLETED)
        for end in done:
            if (error := end.exception()) is not None:
                raise NotArrived(ends[end], _why(error)) from error
        if given_up():
            raise GivenUp
        late = sorted(ends[end] for end in pending)
        if not done and late and (lost := silent(late)):
            raise NotArrived(min(lost), "does not answer any more")
        if late and time.monotonic() - began_s > timeout_s:
            why = f"answers, but its {num_bytes:,} bytes did not come within {timeout_s:.0f} s"
            raise NotArrived(late[0], why, is_slow=True)
    return {stage: end.result() for end, stage in ends.items()}


def _why(error: BaseException) -> str:
    if (short := shortage(error)) is not None:
        return short
    if isinstance(error, ray.exceptions.RayActorError):
        return f"is gone: its LayerActor or its Ray node ended ({cause_text(error)[:300]})"
    return f"could not do its part: {cause_text(error)[:300]}"
