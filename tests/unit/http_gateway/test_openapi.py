"""The machine-readable document and the page that shows it, which must work without internet."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urljoin, urlsplit

import jsonschema
import pytest
from flask.testing import FlaskClient

from tests.support.answers import json_of
from tests.support.fake_job_client import DETAILS

# path, method, success, whether a body is needed (None: takes none)
ROUTES = [
    ("/api/jobs", "post", "201", True),
    ("/api/jobs", "get", "200", None),
    ("/api/compare", "get", "200", None),
    ("/api/jobs/{job_id}/clone", "post", "201", False),
    ("/api/jobs/{job_id}", "get", "200", None),
    ("/api/jobs/{job_id}", "delete", "200", None),
    ("/api/jobs/{job_id}/stop", "post", "200", False),
    ("/api/jobs/{job_id}/resume", "post", "200", False),
    ("/api/jobs/{job_id}/checkpoints", "get", "200", None),
    ("/api/jobs/{job_id}/plan", "get", "200", None),
    ("/api/jobs/{job_id}/events", "get", "200", None),
    ("/api/jobs/{job_id}/steps", "get", "200", None),
    ("/api/jobs/{job_id}/trace", "get", "200", None),
    ("/api/jobs/{job_id}/logs", "get", "200", None),
    ("/api/jobs/{job_id}/metrics", "get", "200", None),
    ("/api/events", "get", "200", None),
    ("/api/jobs/{job_id}/verify", "post", "200", False),
    ("/api/jobs/{job_id}/model", "get", "200", None),
    ("/api/jobs/{job_id}/predict", "post", "200", True),
    ("/api/jobs/{job_id}/evaluate", "post", "200", False),
    ("/api/devices", "get", "200", None),
    ("/api/devices/register", "post", "201", True),
    ("/api/devices/{port}", "delete", "200", None),
    ("/api/network/initialize/{job_id}", "post", "200", False),
    ("/api/network/plan/{job_id}", "post", "200", False),
    ("/api/network/train/{job_id}", "post", "200", False),
    ("/api/previous_teraflops", "get", "200", None),
    ("/api/layers", "get", "200", None),
    ("/api/architectures", "get", "200", None),
    ("/api/sources", "get", "200", None),
    ("/api/datasets", "get", "200", None),
    ("/api/datasets/inspect", "post", "200", True),
    ("/api/datasets/{name}", "post", "201", True),
    ("/api/datasets/{name}", "get", "200", None),
    ("/api/datasets/{name}", "delete", "200", None),
    ("/api/doctor", "get", "200", None),
    ("/metrics", "get", "200", None),
    ("/health", "get", "200", None),
    ("/ready", "get", "200", None),
    ("/api/version", "get", "200", None),
]
ERROR_STATUSES = ("400", "401", "403", "404", "405", "409", "413", "500", "503")
ERROR = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
DETAILS_KEYS = {
    "FailurePolicyFields": "failure_policy",
    "CheckpointPolicyFields": "checkpoints",
}
DIALECT = jsonschema.Draft202012Validator


@pytest.fixture
def document(http: FlaskClient) -> dict[str, Any]:
    body: dict[str, Any] = json_of(http.get("/openapi.json"))
    return body


def references(node: Any) -> set[str]:
    """Every ``$ref`` below ``node``."""
    if isinstance(node, list):
        return {ref for child in node for ref in references(child)}
    if not isinstance(node, dict):
        return set()
    own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
    return own | {ref for child in node.values() for ref in references(child)}


def test_it_is_openapi_3_1_and_says_of_what(document: dict[str, Any]) -> None:
    assert re.fullmatch(r"3\.1\.\d+", document["openapi"])
    assert (document["info"]["title"], document["info"]["version"]) == ("Tandem", "9.8.7")


def test_it_lists_every_route_and_no_other(document: dict[str, Any]) -> None:
    listed = {(path, method) for path, item in document["paths"].items() for method in item}
    assert listed == {(path, method) for path, method, _, _ in ROUTES}


def test_a_route_tells_its_answers_and_whether_it_needs_a_body(
    document: dict[str, Any], subtests: pytest.Subtests
) -> None:
    for path, method, success, needs_body in ROUTES:
        with subtests.test(path=path, method=method, success=success, needs_body=needs_body):
            operation = document["paths"][path][method]
            assert operation["summary"]
            assert set(operation["responses"]) == {success, *ERROR_STATUSES}
            assert operation["responses"][success]["content"]
            for status in ERROR_STATUSES:
                assert operation["responses"][status]["content"] == ERROR
            body = operation.get("requestBody")
            assert (body and body.get("required", False)) == needs_body


def test_path_parameters_are_those_of_the_path(
    document: dict[str, Any], subtests: pytest.Subtests
) -> None:
    for path, method in [(path, method) for path, method, _, _ in ROUTES]:
        with subtests.test(path=path, method=method):
            parameters = document["paths"][path][method].get("parameters", [])
            named = [p["name"] for p in parameters if p["in"] == "path" and p["required"]]
            assert named == re.findall(r"{(\w+)}", path)


def test_operations_have_ids_of_their_own(document: dict[str, Any]) -> None:
    items = document["paths"].values()
    ids = [operation["operationId"] for item in items for operation in item.values()]
    assert len(set(ids)) == len(ids) == len(ROUTES)


def test_every_schema_is_one_and_every_reference_leads_to_one(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        DIALECT.check_schema(schema)
    own = {f"#/components/schemas/{name}" for name in schemas}
    inner = {r for schema in schemas.values() for r in references(schema)}
    assert references(document["paths"]) <= own
    # A schema's references into itself are to what the components repeat.
    assert {"#/components/schemas/" + r.rsplit("/", 1)[1] for r in inner} <= own


def test_fields_have_the_documented_names_and_order(
    document: dict[str, Any], subtests: pytest.Subtests
) -> None:
    for schema, keys in [
        (
            "JobSummary",
            ["job_id", "status", "devices", "model_config", "dataset_config", "train_config"],
        ),
        (
            "CreateJob",
            [
                "model_config",
                "dataset_config",
                "task",
                "train_config",
                "failure_policy",
                "checkpoints",
            ],
        ),
        (
            "FailurePolicyFields",
            ["max_failures", "min_devices", "wait_for_device_s", "max_lost_steps"],
        ),
        ("CheckpointPolicyFields", ["interval_s", "keep_last", "keep_best"]),
        (
            "LogEvent",
            ["seq", "job_id", "at", "kind", "epoch", "step", "text", "values"],
        ),
        ("MetricCurve", ["name", "steps", "at", "values"]),
        ("StepLoss", ["epoch", "step", "loss"]),
        ("Teraflops", ["forward_tflops", "backward_tflops", "total_tflops"]),
        ("Error", ["error"]),
    ]:
        with subtests.test(schema=schema, keys=keys):
            schemas = document["components"]["schemas"]
            assert list(schemas[schema]["properties"]) == keys


def test_limits_are_told(document: dict[str, Any]) -> None:
    epochs = document["components"]["schemas"]["Train"]["properties"]["epochs"]
    assert (epochs["minimum"], epochs["maximum"], epochs["default"]) == (1, 100_000, 10)


def test_the_policies_defaults_are_told(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for name in DETAILS_KEYS:
        shown = {k: field.get("default") for k, field in schemas[name]["properties"].items()}
        assert shown == DETAILS[DETAILS_KEYS[name]]


def test_every_post_and_nothing_else_takes_an_idempotency_key(document: dict[str, Any]) -> None:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            headers = [p for p in operation.get("parameters", []) if p["in"] == "header"]
            names = [(p["name"], p["required"]) for p in headers]
            assert names == ([("Idempotency-Key", False)] if method == "post" else []), path


def test_queries_are_told(document: dict[str, Any], subtests: pytest.Subtests) -> None:
    for path, method, names in [
        ("/api/jobs/{job_id}", "delete", ["force"]),
        ("/api/jobs/{job_id}/model", "get", ["format", "checkpoint"]),
        ("/api/jobs/{job_id}/steps", "get", ["after_epoch", "after_step", "limit"]),
        ("/api/jobs/{job_id}/trace", "get", ["steps"]),
        ("/api/jobs/{job_id}/logs", "get", ["after", "limit"]),
        ("/api/devices/{port}", "delete", ["ip", "job_id"]),
        ("/api/datasets/{name}", "post", ["format", "set", "replace"]),
    ]:
        with subtests.test(path=path, method=method, names=names):
            parameters = document["paths"][path][method]["parameters"]
            assert [p["name"] for p in parameters if p["in"] == "query"] == names


def test_further_forms_of_an_answer_are_told(document: dict[str, Any]) -> None:
    for path, media_type in [
        ("/api/events", "text/event-stream"),
        ("/api/jobs/{job_id}/events", "text/event-stream"),
        ("/api/jobs/{job_id}/metrics", "text/csv"),
    ]:
        content = document["paths"][path]["get"]["responses"]["200"]["content"]
        assert set(content) == {"application/json", media_type}


def test_the_page_and_all_it_loads_come_from_the_gateway(
    http: FlaskClient, subtests: pytest.Subtests
) -> None:
    for path in ["/docs", "/", "/openapi/"]:
        with subtests.test(path=path):
            page = http.get(path, follow_redirects=True)
            assert (page.status_code, page.mimetype) == (200, "text/html")
            assert not re.search(r"""(src|href|url)\s*[=:(]\s*["']?\s*(https?:)?//""", page.text)
            urls = re.findall(r"""(?:src|href)\s*=\s*["']\s*([^"'\s]+)""", page.text)
            assert urls
            for url in (urljoin(page.request.path, u) for u in urls if not u.startswith("data:")):
                assert not urlsplit(url).netloc
                with http.get(url, follow_redirects=True) as asset:
                    assert (asset.status_code, len(asset.data) > 0) == (200, True), url


def test_the_page_shows_this_document(http: FlaskClient, document: dict[str, Any]) -> None:
    page = http.get("/docs", follow_redirects=True)
    (name,) = re.findall(r'new URL\("([^"]+)"', page.text)
    shown = http.get(urljoin(page.request.path, name))
    assert json.loads(shown.data) == document
