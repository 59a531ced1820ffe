"""Policies and queries out of range: refused by field, value and limit."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support.answers import error_of
from tests.support.fake_job_client import DATASET, MODEL, FakeJobClient

WAIT = "a finite number above 0, at most 31536000"
INTERVAL = "a finite number from 0.1 to 86400"


@pytest.mark.parametrize(
    ("policy", "field", "value", "limit"),
    [
        *[("failure_policy", "max_failures", v, "an integer from 0 to 1000000") for v in (-1, 1e3)],
        *[("failure_policy", "min_devices", v, "an integer from 1 to 1000") for v in (0, 1001)],
        *[("failure_policy", "wait_for_device_s", v, WAIT) for v in (0, -1.5, 31_536_001, "60")],
        *[("failure_policy", "max_lost_steps", v, "an integer from 1 to 100000") for v in (0,)],
        *[("checkpoints", "interval_s", v, INTERVAL) for v in (0, 0.05, 86_401)],
        *[("checkpoints", "keep_last", v, "an integer from 1 to 1000") for v in (0, 1001)],
        *[("checkpoints", "keep_best", v, "an integer from 0 to 1000") for v in (-1, 1001)],
    ],
)
def test_policies_out_of_range_are_refused(
    http: FlaskClient, fake: FakeJobClient, policy: str, field: str, value: Any, limit: str
) -> None:
    body = {"model_config": MODEL, "dataset_config": DATASET, policy: {field: value}}
    text = error_of(http.post("/api/jobs", json=body), 400)
    assert text == f"{policy}.{field} is {value!r}, but must be {limit}"
    assert fake.calls == []


@pytest.mark.parametrize("force", ["1", "yes", "True", "", "false "])
def test_force_is_true_or_false(http: FlaskClient, fake: FakeJobClient, force: str) -> None:
    text = error_of(http.delete("/api/jobs/1", query_string={"force": force}), 400)
    assert text == f"force is {force!r}, but must be true or false"
    assert fake.calls == []


@pytest.mark.parametrize(
    ("path", "name", "value", "limit"),
    [
        ("/api/jobs/1/steps", "limit", "0", "1 to 10000"),
        ("/api/jobs/1/steps", "limit", "10001", "1 to 10000"),
        ("/api/jobs/1/steps", "limit", "1e3", "1 to 10000"),
        ("/api/jobs/1/steps", "after_epoch", "-1", "0 to 2147483647"),
        ("/api/jobs/1/steps", "after_step", "2147483648", "0 to 2147483647"),
        ("/api/jobs/1", "history_limit", "10001", "0 to 10000"),
        ("/api/jobs/1", "history_limit", "-1", "0 to 10000"),
        ("/api/jobs/1", "after_epoch", "-1", "0 to 2147483647"),
        ("/api/jobs/1/events", "limit", "0", "1 to 10000"),
        ("/api/jobs/1/events", "after", "x", "0 to 9007199254740991"),
        ("/api/events", "after", "-1", "0 to 9007199254740991"),
        ("/api/events", "limit", "10001", "1 to 10000"),
        ("/api/jobs/1/metrics", "after", "1.5", "0 to 9007199254740991"),
        ("/api/jobs/1/metrics", "max_points", "0", "2 to 10000"),
        ("/api/jobs/1/metrics", "max_points", "1000000000", "2 to 10000"),
        ("/api/previous_teraflops", "limit", "0", "1 to 2147483647"),
    ],
)
def test_parts_of_long_answers_are_asked_for_by_plain_numbers(
    http: FlaskClient, fake: FakeJobClient, path: str, name: str, value: str, limit: str
) -> None:
    text = error_of(http.get(f"{path}?{name}={value}"), 400)
    assert text.startswith(f"{name} is ") and text.endswith(f"must be an integer from {limit}")
    assert fake.calls == []


@pytest.mark.parametrize("value", ["", "a,", ",", "loss, val_loss", "a;b", "x" * 65, "ä"])
@pytest.mark.parametrize(
    ("path", "name"),
    [("/api/events", "kinds"), ("/api/jobs/1/events", "kinds"), ("/api/jobs/1/metrics", "names")],
)
def test_names_are_given_one_beside_the_other(
    http: FlaskClient, fake: FakeJobClient, path: str, name: str, value: str
) -> None:
    text = error_of(http.get(path, query_string={name: value}), 400)
    assert text.startswith(f"{name} is ") and "1 to 32 names joined by commas" in text
    assert fake.calls == []


def test_other_parameters_are_refused(http: FlaskClient, fake: FakeJobClient) -> None:
    text = error_of(http.get("/api/jobs/1/steps?from=1"), 400)
    assert text.endswith("/api/jobs/1/steps takes after_epoch, after_step, limit")
    assert error_of(http.get("/api/jobs/1/checkpoints?limit=1"), 400).endswith("takes none")
    assert fake.calls == []
