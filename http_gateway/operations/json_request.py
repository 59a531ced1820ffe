"""How a request's body becomes a JSON object: one way, whatever its content type says."""

from __future__ import annotations

import json
import sys
from collections import Counter
from functools import partial
from typing import Any

from flask import Request

from actors.core.errors import InvalidRequest
from http_gateway.operations.validation_text import shorten

MAX_FIELDS = 100


class JsonRequest(Request):
    """``get_json`` always parses strictly; an absent body is an empty object.

    ``curl -d`` without a header names a form's content type, so the type is not looked at. Nor is
    an offer to speak WebSocket, which werkzeug would answer as if the route were another one.
    """

    def __init__(self, environ: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        environ.pop("HTTP_UPGRADE", None)
        super().__init__(environ, *args, **kwargs)

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """The body as a dictionary; raises ``InvalidRequest`` when it is anything else."""
        if not hasattr(self, "_body"):
            self._body = parse_body(self.get_data(cache=True))
        return self._body


def parse_body(data: bytes, max_fields: int = MAX_FIELDS) -> dict[str, Any]:
    """The object; none in it has more than so many fields. Raises ``InvalidRequest``."""
    if not data.strip():
        return {}
    try:
        body = json.loads(data, object_pairs_hook=partial(_fields, max_fields))
    except InvalidRequest:
        raise
    except RecursionError as error:
        raise InvalidRequest(
            "The request body is nested too deeply: send it with fewer levels"
        ) from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"The request body is not valid JSON: {error}") from error
    except ValueError as error:  # Python's own guard: converting takes quadratic time
        raise InvalidRequest(
            "The request body has an integer of too many digits: send at most "
            f"{sys.get_int_max_str_digits()}"
        ) from error
    if not isinstance(body, dict):
        raise InvalidRequest(
            f"The request body is a JSON {_KINDS[type(body)]}, but must be an object such as "
            '{"key": value}'
        )
    return body


def _fields(max_fields: int, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, unless a field would be lost or each of very many be complained about."""
    fields = dict(pairs)
    if len(pairs) > max_fields:
        raise InvalidRequest(
            f"The request body has an object of {len(pairs)} fields; use at most {max_fields}"
        )
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        counts = Counter(names)
        twice = next(name for name in names if counts[name] > 1)
        raise InvalidRequest(
            f'The request body has the field "{shorten(twice)}" twice: send it once'
        )
    return fields


_KINDS = {
    list: "array",
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    type(None): "null",
}
