"""Which failures a job survives, and when its checkpoints are written: the settings and the
decisions that follow from them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from actors.core.progress.snapshot_cadence import MAX_COPYING, Boundary


@dataclass(frozen=True)
class FailurePolicy:
    """None means no limit. ``max_lost_steps`` None means about a second of steps, and more over a
    slow link."""

    max_failures: int | None = 100
    min_devices: int = 1
    wait_for_device_s: float | None = None
    max_lost_steps: int | None = None


@dataclass(frozen=True)
class CheckpointPolicy:
    """The time between two checkpoints, and how many of the newest and of the best are kept."""

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
    """The job's error if it has failed too often; None if it may go on."""
    if policy.max_failures is None or num_failures <= policy.max_failures:
        return None
    if policy.max_failures == 0:
        return cause
    return f"{cause}. It was failure {num_failures}, and max_failures is {policy.max_failures}"


def missing_devices(
    policy: FailurePolicy, registered: Sequence[str], available: Collection[str]
) -> list[str]:
    """The addresses of the devices that a job needs to go on; empty if it can go on."""
    if len(available) >= policy.min_devices:
        return []
    absent = [address for address in registered if address not in available]
    short = policy.min_devices - len(available) - len(absent)
    return absent + ["a further device"] * short


def why_not_wait(policy: FailurePolicy, waited_s: float, missing: Sequence[str]) -> str | None:
    """The job's error if it has waited long enough; None if it may go on waiting."""
    if policy.wait_for_device_s is None or waited_s < policy.wait_for_device_s:
        return None
    return (
        f"{', '.join(missing)} did not come back within {policy.wait_for_device_s:.0f} s "
        "(failure_policy.wait_for_device_s): bring it back, then POST /api/jobs/<job_id>/resume"
    )


def checkpoint_due(
    policy: CheckpointPolicy, since_last_s: float, fetch_s: float, asked: Boundary | None
) -> Boundary | None:
    """The kind of checkpoint to ask stage 0 for now; None if none is due.

    After half the interval it is one at the next epoch's end, because the validation loss is known
    there. After the whole interval it is one at the next step. The interval is the policy's. It is
    longer if fetching the last checkpoint (``fetch_s``) took more than ``MAX_COPYING`` of it: the
    links also carry the messages of training.
    """
    interval_s = max(policy.interval_s, fetch_s / MAX_COPYING)
    if asked is not Boundary.STEP and since_last_s >= interval_s:
        return Boundary.STEP
    if asked is None and since_last_s >= interval_s / 2:
        return Boundary.EPOCH
    return None
