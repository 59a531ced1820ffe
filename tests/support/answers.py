"""Rules for every answer of the API, checked where it is read."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from werkzeug.test import TestResponse

MAX_ERROR_CHARS = 600


def json_of(response: TestResponse) -> Any:
    """The body, which must be one JSON value as the standard has it: no NaN, no key twice."""
    assert response.content_type == "application/json"
    return json.loads(response.data, parse_constant=_refuse, object_pairs_hook=_without_twins)


def error_of(response: TestResponse, status: int) -> str:
    """The text of an error, which must be the one documented body with the status."""
    body = json_of(response)
    assert response.status_code == status, body
    assert list(body) == ["error"]
    text = body["error"]
    assert isinstance(text, str) and 0 < len(text) <= MAX_ERROR_CHARS
    return text


def _refuse(constant: str) -> NoReturn:
    raise AssertionError(f"{constant} is not JSON")


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)
