"""Whatever is sent, a JSON object comes back, and an error is always the one error body."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from http_gateway.app import create_app
from tests.support.answers import error_of, json_of
from tests.support.fake_job_client import FakeJobClient

HTTP = create_app(FakeJobClient(), version="0").test_client()
POSTS = {
    "/api/jobs": ["model_config", "dataset_config", "failure_policy", "checkpoints"],
    "/api/devices/register": ["ip", "port", "job_id"],
    "/api/network/initialize/1": ["partition", "devices"],
    "/api/network/train/1": ["epochs", "learning_rate", "num_microbatches", "schedule", "threads"],
    "/api/jobs/1/stop": [],
    "/api/jobs/1/resume": [],
    "/api/jobs/1/predict": ["inputs"],
}
NESTED = ["layer_sizes", "seed", "name", "batch_size", "normalize", "mean", "std", "resize"]
POLICIES = ["max_failures", "min_devices", "wait_for_device_s", "interval_s", "keep_last"]
QUERIES = {
    ("DELETE", "/api/devices/5001"): ["ip", "job_id"],
    ("DELETE", "/api/jobs/1"): ["force"],
    ("GET", "/api/jobs/1/steps"): ["after_epoch", "after_step", "limit"],
    ("GET", "/api/events"): ["after", "limit", "kinds"],
    ("GET", "/api/jobs/1/metrics"): ["names", "after", "max_points", "format"],
}
quick = settings(max_examples=100, deadline=None, database=None)

texts = st.text(st.characters(), max_size=20)  # lone surrogates included, unlike st.text()
numbers = st.integers() | st.floats() | st.sampled_from([0, 1, -1, 10**30, 2**63, 10**400])
scalars = st.none() | st.booleans() | numbers | texts
names = texts | st.sampled_from(NESTED)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)
paths = st.sampled_from(list(POSTS))


@st.composite
def almost_right(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A path and a body with its own fields, each of any value."""
    path = draw(paths)
    fields = {name: values for name in POSTS[path]}
    return path, draw(st.fixed_dictionaries({}, optional=fields))


def check(path: str, body: bytes | str) -> None:
    response = HTTP.post(path, data=body)
    if response.status_code >= 400:
        error_of(response, 400)
    else:
        assert isinstance(json_of(response), dict)


@quick
@given(paths, values)
def test_any_json_value_gets_a_proper_answer(path: str, value: Any) -> None:
    check(path, json.dumps(value))


@quick
@given(almost_right())
def test_any_values_in_the_right_fields_get_a_proper_answer(sent: tuple[str, Any]) -> None:
    path, body = sent
    check(path, json.dumps(body))


@quick
@given(values, values)
def test_any_configurations_get_a_proper_answer(model: Any, dataset: Any) -> None:
    config = {"layer_sizes": [784, 10]} if model is None else model
    check("/api/jobs", json.dumps({"model_config": config, "dataset_config": dataset}))


@quick
@given(values, st.dictionaries(st.sampled_from(POLICIES), scalars, max_size=4))
def test_any_policies_get_a_proper_answer(failures: Any, checkpoints: Any) -> None:
    body = {"model_config": {"layer_sizes": [784, 10]}, "dataset_config": {"name": "MNIST"}}
    check("/api/jobs", json.dumps({**body, "failure_policy": failures, "checkpoints": checkpoints}))


@quick
@given(paths, st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=300))
def test_any_idempotency_key_gets_a_proper_answer(path: str, key: str) -> None:
    response = HTTP.post(path, headers={"Idempotency-Key": key}, data="{}")
    if response.status_code >= 400:
        error_of(response, 400)


@quick
@given(paths, st.binary(max_size=60))
def test_any_bytes_get_a_proper_answer(path: str, body: bytes) -> None:
    check(path, body)


@quick
@given(paths, st.text(st.sampled_from('{}[]":,\\u0dE8+-.NaInfinity tru'), max_size=30))
def test_almost_json_gets_a_proper_answer(path: str, body: str) -> None:
    check(path, body)


@quick
@given(st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1, max_size=30))
def test_any_port_gets_a_proper_answer(port: str) -> None:
    response = HTTP.delete("/api/devices/" + quote(port, safe=""))
    if response.status_code == 200:
        assert 1 <= int(port) <= 65_535
    else:
        error_of(response, 400)


@st.composite
def queries(draw: st.DrawFn) -> tuple[str, str, dict[str, str]]:
    """A method, a path, and a query with its parameters' names or others, of any value."""
    method, path = draw(st.sampled_from(list(QUERIES)))
    known = st.sampled_from(QUERIES[method, path])
    some = texts | st.sampled_from(["true", "false", "1", "-1", "10000", "9" * 5000])
    return method, path, draw(st.dictionaries(known | texts, some, max_size=3))


@quick
@given(queries())
def test_any_query_gets_a_proper_answer(asked: tuple[str, str, dict[str, str]]) -> None:
    method, path, query = asked
    parts = [f"{quote(k, errors='replace')}={quote(v, errors='replace')}" for k, v in query.items()]
    response = HTTP.open(f"{path}?{'&'.join(parts)}", method=method)
    if response.status_code != 200:
        error_of(response, 400)
