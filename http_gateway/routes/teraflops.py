"""TFLOPs of the sessions that have ended."""

from __future__ import annotations

from typing import Any

from flask import jsonify
from flask_openapi3 import APIBlueprint

from http_gateway import schemas
from http_gateway.job_client import JobClient
from http_gateway.routes import new_blueprint

_ENTRY = {
    "type": "object",
    "description": "device id -> its TFLOPs",
    "additionalProperties": {
        "type": "object",
        "properties": {
            name: {"type": "number"}
            for name in ("forward_tflops", "backward_tflops", "total_tflops")
        },
    },
}
_LIST = {
    "description": "OK",
    "content": {"application/json": {"schema": {"type": "array", "items": _ENTRY}}},
}


def blueprint(client: JobClient) -> APIBlueprint:
    """GET /api/previous_teraflops."""
    routes = new_blueprint("teraflops")

    @routes.get(
        "/api/previous_teraflops",
        summary="One entry a session, oldest first",
        responses={200: _LIST},
    )
    def previous_teraflops(query: schemas.TeraflopsQuery) -> Any:
        return jsonify(client.previous_teraflops(query.limit))

    return routes
