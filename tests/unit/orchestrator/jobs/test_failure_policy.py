from __future__ import annotations

import pytest

from actors.core.progress.snapshot_cadence import Boundary
from orchestrator.jobs.failure_policy import (
    CheckpointPolicy,
    FailurePolicy,
    checkpoint_due,
    missing_devices,
    parse_checkpoint_policy,
    parse_failure_policy,
    why_give_up,
    why_not_wait,
)


def test_what_is_not_given_is_filled_in_and_null_is_no_limit() -> None:
    assert parse_failure_policy(None) == FailurePolicy()
    assert parse_failure_policy({"max_failures": None}).max_failures is None
    assert parse_checkpoint_policy({"interval_s": 5}) == CheckpointPolicy(interval_s=5)


def test_a_job_gives_up_when_it_has_failed_once_too_often() -> None:
    policy = FailurePolicy(max_failures=2)
    assert why_give_up(policy, 2, "gone") is None
    text = why_give_up(policy, 3, "gone")
    assert text is not None and "gone" in text and "max_failures is 2" in text
    assert why_give_up(FailurePolicy(max_failures=0), 1, "gone") == "gone"
    assert why_give_up(FailurePolicy(max_failures=None), 10**6, "gone") is None


def test_a_job_waits_for_the_registered_devices_that_are_absent() -> None:
    policy = FailurePolicy(min_devices=2)
    assert missing_devices(policy, ["a", "b"], ["a", "b"]) == []
    assert missing_devices(policy, ["a", "b", "c"], ["c"]) == ["a", "b"]
    assert missing_devices(policy, ["a"], ["a"]) == ["a further device"]
    assert missing_devices(FailurePolicy(), ["a", "b"], ["b"]) == []


def test_waiting_ends_when_the_policy_says_so() -> None:
    assert why_not_wait(FailurePolicy(), 1e9, ["a"]) is None
    assert why_not_wait(FailurePolicy(wait_for_device_s=10), 9.9, ["a"]) is None
    text = why_not_wait(FailurePolicy(wait_for_device_s=10), 10, ["a", "b"])
    assert text is not None and "a, b" in text and "10 s" in text and "resume" in text


@pytest.mark.parametrize(
    "since_s, asked, due",
    [
        (14.9, None, None),
        (15.0, None, Boundary.EPOCH),
        (15.0, Boundary.EPOCH, None),
        (30.0, Boundary.EPOCH, Boundary.STEP),
        (30.0, None, Boundary.STEP),
        (99.0, Boundary.STEP, None),
    ],
)
def test_a_checkpoint_is_asked_for_at_an_epochs_end_then_at_any_step(
    since_s: float, asked: Boundary | None, due: Boundary | None
) -> None:
    assert checkpoint_due(CheckpointPolicy(interval_s=30), since_s, 1.0, asked) is due


def test_checkpoints_that_take_long_to_arrive_are_further_apart() -> None:
    policy = CheckpointPolicy(interval_s=30)
    assert checkpoint_due(policy, 30.0, 20.0, None) is None
    assert checkpoint_due(policy, 50.0, 20.0, None) is Boundary.EPOCH
    assert checkpoint_due(policy, 99.9, 20.0, Boundary.EPOCH) is None
    assert checkpoint_due(policy, 100.0, 20.0, Boundary.EPOCH) is Boundary.STEP
