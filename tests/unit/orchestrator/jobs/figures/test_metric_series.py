"""The curves of a job: which there are, their steps over all epochs, thinned to what is drawn."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import InvalidRequest
from orchestrator.jobs.figures.metric_series import metric_series, thinned
from orchestrator.store.job_store import JobStore
from orchestrator.store.log.job_log import JobLog
from orchestrator.store.outbox import Outbox
from tests.support.logs import back_to, epoch, step, steps, tell, validated
from tests.support.stores import OWNER, job_record

values = st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), max_size=200)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    store = JobStore.open(tmp_path, OWNER)
    store.add_job(job_record("1"))
    yield store
    store.close()


def curves(store: JobStore, names: list[str] | None = None, **asked: Any) -> dict[str, Any]:
    """By name."""
    log = JobLog(store, Outbox(store))
    found = metric_series(log, "1", names, **{"after": -1, "max_points": 1_000, **asked})
    return {curve.pop("name"): curve for curve in found["series"]}


@given(values=values, most=st.integers(2, 50))
def test_the_smallest_and_the_largest_of_each_part_stay(
    values: list[float | None], most: int
) -> None:
    kept = thinned(values, most)
    assert kept == sorted(set(kept)) and len(kept) <= most
    if len(values) <= most:
        assert kept == list(range(len(values)))
        return
    num_parts = most // 2
    bounds = [len(values) * part // num_parts for part in range(num_parts + 1)]
    for begin, end in itertools.pairwise(bounds):
        part = [v for v in values[begin:end] if v is not None]
        shown = [values[i] for i in kept if begin <= i < end]
        assert shown
        numbers = [v for v in shown if v is not None]
        assert not part or (min(numbers), max(numbers)) == (min(part), max(part))


def test_each_metric_is_a_curve_over_the_steps_of_the_whole_job(store: JobStore) -> None:
    told = [*steps(1, 3), validated(1, 2, loss=0.4), epoch(1, 3, samples_per_s=7.0)]
    tell(store, "1", *told, *steps(2, 2), step(3, 1, 0.25))
    found = curves(store)
    assert list(found)[:4] == ["loss", "train_loss", "samples_per_s", "val_loss"]
    assert found["loss"]["steps"] == [1, 2, 3, 4, 5, 6]
    assert found["loss"]["values"] == [0.5] * 5 + [0.25]
    assert found["train_loss"]["steps"] == [3] and found["samples_per_s"]["values"] == [7.0]
    assert (found["val_loss"]["steps"], found["val_loss"]["values"]) == ([2, 3], [0.4, 0.25])
    assert found["val_r2"]["values"] == [None]
    assert all(at > 1.7e9 for at in found["loss"]["at"])


def test_what_was_taken_back_is_in_no_curve_and_what_is_no_number_is_null(
    store: JobStore,
) -> None:
    tell(store, "1", *steps(1, 3), epoch(1, 3), back_to(1, 1), step(1, 2, math.inf))
    found = curves(store)
    assert list(found) == ["loss"]
    assert (found["loss"]["steps"], found["loss"]["values"]) == ([1, 2], [0.5, None])


def test_what_comes_next_is_asked_for_by_the_last_number(store: JobStore) -> None:
    tell(store, "1", *steps(1, 3), epoch(1, 3))
    log = JobLog(store, Outbox(store))
    last = metric_series(log, "1", None, -1, 100)["last_seq"]
    assert curves(store, ["loss", "val_loss"], after=last) == {
        "loss": {"steps": [], "at": [], "values": []},
        "val_loss": {"steps": [], "at": [], "values": []},
    }
    assert curves(store, after=2**53 - 1) == {"loss": {"steps": [], "at": [], "values": []}}
    tell(store, "1", step(2, 1, 0.125))
    assert curves(store, ["loss"], after=last)["loss"]["steps"] == [4]


def test_a_long_curve_has_as_many_points_as_are_asked_for(store: JobStore) -> None:
    tell(store, "1", *(step(1, n, float(n % 97)) for n in range(1, 3_001)))
    found = curves(store, ["loss"], max_points=50)["loss"]
    assert 25 <= len(found["steps"]) <= 50 and found["steps"] == sorted(found["steps"])
    assert (min(found["values"]), max(found["values"])) == (0.0, 96.0)


def test_a_name_that_no_job_has_is_refused_with_those_there_are(store: JobStore) -> None:
    with pytest.raises(InvalidRequest, match=r"names has 'los', but must be some of: loss, tr"):
        curves(store, ["loss", "los"])
    assert curves(store, ["val_accuracy"]) == {
        "val_accuracy": {"steps": [], "at": [], "values": []}
    }


def test_what_is_told_while_curves_are_read_comes_the_next_time_and_once(store: JobStore) -> None:
    class Growing(JobLog):
        """Somebody tells more of the job after each question for the last number."""

        def last_seq(self) -> int:
            last = super().last_seq()
            outbox.tell("1", *steps(next(epochs), 2))
            return last

    epochs = itertools.count(2)
    tell(store, "1", *steps(1, 3), epoch(1, 3))
    outbox = Outbox(store)
    log, after, told = Growing(store, outbox), -1, list[int]()
    for _ in range(3):
        found = metric_series(log, "1", ["loss"], after, 100)
        told += found["series"][0]["steps"]
        after = found["last_seq"]
    outbox.flush("1")
    assert told == [1, 2, 3, 4, 5, 6, 7]
