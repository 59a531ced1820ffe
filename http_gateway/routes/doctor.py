"""The doctor: is the cluster fit to train?"""

from __future__ import annotations

from typing import Any

from flask_openapi3 import APIBlueprint

from http_gateway.job_client import JobClient
from http_gateway.routes import new_blueprint
from http_gateway.schemas_doctor import DoctorReport


def blueprint(client: JobClient) -> APIBlueprint:
    """GET /api/doctor."""
    routes = new_blueprint("doctor")

    @routes.get(
        "/api/doctor",
        summary="Is the cluster fit to train? Takes up to half a minute",
        responses={200: DoctorReport},
    )
    def doctor() -> Any:
        return client.doctor()

    return routes
