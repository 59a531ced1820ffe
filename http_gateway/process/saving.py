"""Before a JobManager is ended: every job's newest state is saved, within a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from actors.core.errors import TandemError
from http_gateway.process.interrupts import interruptible

POLL_S = 0.2
BASE_S = 30.0  # for the step under way to end
BYTES_PER_S = 5e6  # a slow link, or a slow disk
FROM_THE_LAST = "it will go on from its last checkpoint"

Told = Sequence[dict[str, Any]]


def save_jobs(ask: Callable[[], Told], say: Callable[[str], None]) -> None:
    """``ask`` is the JobManager's ``save_for_end``; ``say`` gets the progress and the problems. It
    never raises: Ctrl-C skips it, and an unsaved job goes on from its last checkpoint."""
    try:
        with interruptible():
            _save(ask, say)
    except KeyboardInterrupt:
        say("Not waited for: a job that is not saved yet goes on from its last checkpoint")
    except TandemError as error:
        say(f"The newest state of jobs that train can't be saved ({error.message.rstrip('.')})")


def _save(ask: Callable[[], Told], say: Callable[[str], None]) -> None:
    told = ask()
    if not told:
        return
    jobs = ", ".join(job["job_id"] for job in told)
    timeout_s = BASE_S + sum(job["bytes"] for job in told) / BYTES_PER_S
    say(f"Saving the jobs that train, within {timeout_s:.0f} s (Ctrl-C skips it): job {jobs} …")
    deadline = time.monotonic() + timeout_s
    while not all(job["is_done"] for job in told) and time.monotonic() < deadline:
        time.sleep(POLL_S)
        told = ask()
    for job in told:
        if not job["is_done"]:
            say(f"Job {job['job_id']} was not saved within {timeout_s:.0f} s: {FROM_THE_LAST}")
        elif job["error"]:
            say(f"Job {job['job_id']} can't be saved ({job['error']}): {FROM_THE_LAST}")
