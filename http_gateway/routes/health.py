"""Whether the gateway serves, whether it could train, and what runs."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Any

from flask_openapi3 import APIBlueprint

from http_gateway import schemas_responses as responses
from http_gateway.job_client import JobClient
from http_gateway.routes import new_blueprint


def blueprint(client: JobClient, version: str) -> APIBlueprint:
    """GET /health, /ready and /api/version."""
    routes = new_blueprint("health")

    @routes.get(
        "/health",
        summary="The gateway serves; needs no token",
        responses={200: responses.Health},
        openapi_extensions={"security": []},
    )
    def health() -> Any:
        return {"status": "ok"}

    @routes.get(
        "/ready",
        summary="The JobManager answers; 503 with the reason otherwise",
        responses={200: responses.Readiness},
    )
    def ready() -> Any:
        return {"ready": True, **client.check_ready()}

    @routes.get("/api/version", summary="What runs", responses={200: responses.Version})
    def show_version() -> Any:
        return {
            "version": version,
            "python": platform.python_version(),
            "ray": metadata.version("ray"),
            "torch": metadata.version("torch"),
        }

    return routes
