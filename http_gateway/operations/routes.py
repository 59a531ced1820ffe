"""From an operation to its route: arguments out of the request, one call, the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask import request
from flask_openapi3 import OpenAPI, Tag
from pydantic import BaseModel

from http_gateway.live.event_format import MEDIA_TYPE
from http_gateway.live.event_hub import EventHub
from http_gateway.live.event_stream import open_stream, wants_stream
from http_gateway.operations.operation import BINARY, FORM, JSON, JobClient, Operation
from http_gateway.operations.special import GATEWAYS_OWN, LATE_ARGUMENTS, SHOWN
from http_gateway.schemas.base import ERRORS


def add_routes(
    app: OpenAPI, client: JobClient, hub: EventHub, operations: Iterable[Operation]
) -> None:
    """Adds the route of each, with its checks and its part of the document."""
    for operation in operations:
        view = _view(operation, client, hub)
        add = getattr(app, operation.method.lower())
        add(
            operation.path,
            operation_id=operation.name,
            tags=[Tag(name=operation.noun)],
            summary=operation.summary,
            responses={**ERRORS, str(operation.status): operation.response},
            openapi_extensions=_extensions(operation),
        )(view)


def _view(operation: Operation, client: JobClient, hub: EventHub) -> Callable[..., Any]:
    """Flask's function; by its annotations the library checks a request and describes it."""
    show = SHOWN.get(operation.name, operation.to_answer)

    def view(**checked: BaseModel) -> Any:
        if (own := GATEWAYS_OWN.get(operation.name)) is not None:
            return own()
        arguments = _arguments(operation, checked)
        if MEDIA_TYPE in operation.also and wants_stream(request):
            del arguments["limit"]  # it has no end
            return open_stream(hub, request, **arguments)
        if (late := LATE_ARGUMENTS.get(operation.name)) is not None:
            arguments |= late()
        result = show(client.call(operation, arguments))
        return (result, operation.status) if operation.media_type == JSON else result

    view.__name__ = operation.name
    body = None if operation.reads_body_late else operation.body
    models = {"path": operation.path_parameters, "query": operation.query, "body": body}
    view.__annotations__ = {name: model for name, model in models.items() if model is not None}
    return view


def _arguments(operation: Operation, checked: dict[str, BaseModel]) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    for part in ("path", "query"):
        if part in checked:
            arguments |= checked[part].model_dump(exclude=set(operation.gateways_own))
    if "body" not in checked:
        return arguments
    if operation.as_sent:
        sent = {name: value for name, value in request.get_json().items() if value is not None}
    else:
        sent = checked["body"].model_dump(by_alias=True, exclude_none=True, exclude_unset=True)
    return {**arguments, "options": sent} if operation.whole_body else {**arguments, **sent}


def _extensions(operation: Operation) -> dict[str, Any]:
    extensions: dict[str, Any] = {} if operation.needs_token else {"security": []}
    if operation.reads_body_late and operation.body is not None:
        extensions["requestBody"] = {"required": True, "content": _late_content(operation)}
    if operation.takes_file:
        schema = {"type": "string", "format": "binary", "minLength": 1}
        extensions["requestBody"] = {"required": True, "content": {BINARY: {"schema": schema}}}
    return extensions


def _late_content(operation: Operation) -> dict[str, Any]:
    assert operation.body is not None
    bodies = [operation.body, *operation.further_bodies]
    schemas = [body.model_json_schema() for body in bodies]
    content = {JSON: {"schema": schemas[0] if len(schemas) == 1 else {"oneOf": schemas}}}
    if operation.forms:
        content[FORM] = {"schema": {"oneOf": [form.schema for form in operation.forms]}}
    return content
