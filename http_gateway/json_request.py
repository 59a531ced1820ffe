"""How a request's body becomes a JSON object: one way, whatever its content type says."""

from __future__ import annotations

import json
from typing import Any

from flask import Request

from actors.core.errors import InvalidRequest


class JsonRequest(Request):
    """``get_json`` always parses strictly; an absent body is an empty object.

    ``curl -d`` without a header names a form's content type, so the type is not looked at.
    """

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """The body as a dictionary; raises ``InvalidRequest`` when it is anything else."""
        if not hasattr(self, "_body"):
            self._body = _parse(self.get_data(cache=True))
        return self._body


def _parse(data: bytes) -> dict[str, Any]:
    if not data.strip():
        return {}
    try:
        body = json.loads(data)
    except RecursionError as error:
        raise InvalidRequest(
            "The request body is nested too deeply to be JSON for this API"
        ) from error
    except ValueError as error:
        raise InvalidRequest(f"The request body is not valid JSON: {error}") from error
    if not isinstance(body, dict):
        raise InvalidRequest(
            f"The request body is a JSON {_KINDS[type(body)]}, but must be an object such as "
            '{"key": value}'
        )
    return body


_KINDS = {
    list: "array",
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    type(None): "null",
}
