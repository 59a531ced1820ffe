"""A host that lacks room does not make the job fail."""

from __future__ import annotations

import errno
from types import SimpleNamespace
from typing import Any

import pytest
import ray

from orchestrator.sessions.members.shortage import DISK, STORE, shortage
from orchestrator.sessions.recovery.group_failure import GroupFailure, Suspect
from orchestrator.sessions.session_watch import SessionWatch


def raised_in_a_stage(cause: BaseException) -> BaseException:
    """The error in the form in which a call raises it."""
    error = ray.exceptions.RayTaskError("run", "words", cause, proctitle="-", pid=1, ip="10.0.0.1")
    as_cause: BaseException = error.as_instanceof_cause()
    return as_cause


def chained() -> RuntimeError:
    error = RuntimeError("could not keep a copy")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    return error


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (ray.exceptions.OutOfDiskError("full"), DISK),
        (OSError(errno.ENOSPC, "No space left on device"), DISK),
        (chained(), DISK),
        (ray.exceptions.ObjectStoreFullError("full"), STORE),
    ],
)
def test_a_stage_that_runs_out_of_something_is_left_out_and_the_job_goes_on(
    cause: BaseException, words: str
) -> None:
    failure = failure_by(raised_in_a_stage(cause))
    assert failure.can_recover and failure.suspect == Suspect(7)
    assert failure.message == f"device 7 {words}"


def test_what_ray_could_not_do_is_not_the_jobs_own_computation() -> None:
    assert failure_by(raised_in_a_stage(ray.exceptions.ObjectLostError("a", None, ""))).can_recover


@pytest.mark.parametrize("cause", [IndexError("out of bounds"), OSError(errno.ENOENT, "no file")])
def test_the_jobs_own_error_stays_one(cause: BaseException) -> None:
    assert shortage(cause) is None
    failure = failure_by(raised_in_a_stage(cause))
    assert not failure.can_recover and type(cause).__name__ in failure.message


def failure_by(error: Any) -> GroupFailure:
    placement = SimpleNamespace(label="device 7", device=SimpleNamespace(device_id=7))
    group: Any = SimpleNamespace(placements=[placement])
    return SessionWatch(group, [], 4.0, lambda reports: None)._describe(0, error)
