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
# The document can't say that 729.0 is no integer, nor which sets of fields exclude each other: some
# requests that fit it are refused, with a text that says why.
LEFT_OUT = ["positive_data_acceptance"]
# DELETE finds /api/devices/<port> there, and refuses the port "register" with 400.
TWO_ROUTES = {"/api/devices/register": ["allow_header_conformance", "unsupported_method"]}


@pytest.mark.parametrize("token", [None, TOKEN])
def test_the_document_is_valid_with_and_without_a_token(token: str | None) -> None:
    document: Any = create_app(FakeJobClient(), version="0", token=token).api_doc
    OpenAPIV31SpecValidator(document).validate()
    assert ("security" in document) == (token is not None)
    assert ("securitySchemes" in document["components"]) == (token is not None)


@API.parametrize()
@settings(
    max_examples=10,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_an_answer_is_as_documented(case: schemathesis.Case) -> None:
    left_out = [*LEFT_OUT, *TWO_ROUTES.get(case.path, [])]
    case.call_and_validate(excluded_checks=CHECKS.get_by_names(left_out))
