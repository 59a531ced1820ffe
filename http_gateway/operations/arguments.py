"""Turns the arguments of a client's method into a request."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from http_gateway.operations.operation import FILE, Operation


def arguments_by_name(
    operation: Operation, required: Sequence[Any], named: Mapping[str, Any]
) -> dict[str, Any]:
    """All of them but those that are None; raises ``TypeError`` as a function's call does."""
    names = operation.required_names
    if len(required) > len(names):
        raise TypeError(
            f"{operation.name} takes {len(names)} arguments without a name "
            f"({', '.join(names)}), not {len(required)}; name the others"
        )
    given = dict(zip(names, required, strict=False))
    if twice := given.keys() & named.keys():
        raise TypeError(f"{operation.name} got {min(twice)} twice")
    given |= named
    if missing := [name for name in operation.path_names if name not in given]:
        raise TypeError(f"{operation.name} needs {missing[0]}")
    return {name: value for name, value in given.items() if value is not None}


def query_and_body(operation: Operation, given: Mapping[str, Any]) -> dict[str, Any]:
    """``given`` as keywords of requests. It has no parameters of the path."""
    if operation.takes_file:
        others = {name: value for name, value in given.items() if name != FILE}
        return {"params": _in_query(others), "data": given[FILE]}
    if operation.body is None:
        return {"params": _in_query(given)}
    field = next((form.field for form in operation.forms if form.field in given), None)
    if field is None:
        return {"json": given}
    others = {name: value for name, value in given.items() if name != field}
    return {"files": [(field, file) for file in given[field]], "data": _in_query(others)}


def _in_query(arguments: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """A list stands for several values of one name."""
    kept = (str, list)
    return {n: v if isinstance(v, kept) else json.dumps(v) for n, v in arguments.items()}
