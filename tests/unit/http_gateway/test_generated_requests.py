"""Requests that schemathesis makes out of /openapi.json: what is documented is what is answered."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.checks import CHECKS

from http_gateway.app import create_app
from tests.support.fake_job_client import FakeJobClient

TOKEN = "correct-horse-battery-staple"
API = schemathesis.openapi.from_wsgi("/openapi.json", create_app(FakeJobClient(), version="0"))
# What a sample is depends on the job's model, which no document knows: all of 40 generated bodies
# were refused, with the shape that the model takes.
BY_THE_MODEL = {"/api/jobs/{job_id}/predict": ["positive_data_acceptance"]}
# DELETE finds /api/devices/<port> there, and refuses the port "register" with 400; GET and DELETE
# find /api/datasets/<name>.
TWO_ROUTES = {
    path: ["allow_header_conformance", "unsupported_method"]
    for path in ("/api/devices/register", "/api/datasets/inspect")
}


@pytest.mark.parametrize("token", [None, TOKEN])
def test_the_document_is_valid_with_and_without_a_token(token: str | None) -> None:
    document: Any = create_app(FakeJobClient(), version="0", token=token).api_doc
    OpenAPIV31SpecValidator(document).validate()
    assert ("security" in document) == (token is not None)
    assert ("securitySchemes" in document["components"]) == (token is not None)


# JSON schema takes 729.0 for an integer. The API refuses it, and says so in the document's
# description; test_refused_values.py has these. All else that fits the document is accepted.
@API.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:
    return without_fractions(body)


@API.hook
def map_query(context: schemathesis.HookContext, query: Any) -> Any:
    return without_fractions(query)


def without_fractions(value: Any) -> Any:
    """Each whole number as an integer is written."""
    if isinstance(value, dict):
        return {name: without_fractions(v) for name, v in value.items()}
    if isinstance(value, list):
        return [without_fractions(v) for v in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@API.parametrize()
@settings(
    max_examples=40,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_an_answer_is_as_documented(case: schemathesis.Case) -> None:
    left_out = [*TWO_ROUTES.get(case.path, []), *BY_THE_MODEL.get(case.path, [])]
    case.call_and_validate(excluded_checks=CHECKS.get_by_names(left_out))
