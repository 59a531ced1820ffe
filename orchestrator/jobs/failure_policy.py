"""What a job bears before it fails, and when it is written to disk: what was asked, and what
follows from it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from actors.core.progress.snapshot_cadence import MAX_COPYING, Boundary


@dataclass(frozen=True)
class FailurePolicy:
    """None is no limit; for ``max_lost_steps``, about a second's worth, more over a slow link."""

    max_failures: int | None = 100
    min_devices: int = 1
    wait_for_device_s: float | None = None
    max_lost_steps: int | None = None


@dataclass(frozen=True)
class CheckpointPolicy:
    """From one checkpoint to the next, and how many of the newest and of the best are kept."""

    interval_s: float = 30.0
    keep_last: int = 2
    keep_best: int = 1


def parse_failure_policy(given: Mapping[str, Any] | None) -> FailurePolicy:
    """With defaults for what was not given."""
    return FailurePolicy(**(given or {}))


def parse_checkpoint_policy(given: Mapping[str, Any] | None) -> CheckpointPolicy:
    """With defaults for what was not given."""
    return CheckpointPolicy(**(given or {}))


def why_give_up(policy: FailurePolicy, num_failures: int, cause: str) -> str | None:
    """The job's error when it has failed once too often; None to go on."""
    if policy.max_failures is None or num_failures <= policy.max_failures:
        return None
    if policy.max_failures == 0:
        return cause
    return f"{cause}. It was failure {num_failures}, and max_failures is {policy.max_failures}"


def missing_devices(
    policy: FailurePolicy, registered: Sequence[str], available: Collection[str]
) -> list[str]:
    """What a job waits for, empty when it can go on; devices by their address."""
    if len(available) >= policy.min_devices:
        return []
    absent = [address for address in registered if address not in available]
    short = policy.min_devices - len(available) - len(absent)
    return absent + ["a further device"] * short


def why_not_wait(policy: FailurePolicy, waited_s: float, missing: Sequence[str]) -> str | None:
    """The job's error when it has waited long enough; None to go on waiting."""
    if policy.wait_for_device_s is None or waited_s < policy.wait_for_device_s:
        return None
    return (
        f"{', '.join(missing)} did not come back within {policy.wait_for_device_s:.0f} s "
        "(failure_policy.wait_for_device_s): bring it back, then POST /api/jobs/<job_id>/resume"
    )


def checkpoint_due(
    policy: CheckpointPolicy, since_last_s: float, fetch_s: float, asked: Boundary | None
) -> Boundary | None:
    """What to ask stage 0 for now: from half the interval on the next epoch's end, where the
    validation loss is known; once it is over, the next step. None when nothing new is due.

    The interval is the policy's, or longer where ``fetch_s``, what the last one's way here took,
    would be more than ``MAX_COPYING`` of it: the links have messages to carry.
    """
    interval_s = max(policy.interval_s, fetch_s / MAX_COPYING)
    if asked is not Boundary.STEP and since_last_s >= interval_s:
        return Boundary.STEP
    if asked is None and since_last_s >= interval_s / 2:
        return Boundary.EPOCH
    return None
