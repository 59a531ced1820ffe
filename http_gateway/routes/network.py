"""The network: plan, initialize and train."""

from __future__ import annotations

from typing import Any

from flask_openapi3 import APIBlueprint

from http_gateway import schemas
from http_gateway import schemas_planning as planning
from http_gateway import schemas_responses as responses
from http_gateway.job_client import JobClient
from http_gateway.routes import new_blueprint


def blueprint(client: JobClient) -> APIBlueprint:
    """The routes under /api/network."""
    routes = new_blueprint("network", "/api/network")

    @routes.post(
        "/initialize/<job_id>",
        summary="Allocate layers to the devices and draw the weights",
        responses={200: responses.Message},
    )
    def initialize(path: schemas.JobPath, body: planning.Initialize) -> Any:
        client.initialize(path.job_id, body.model_dump(exclude_none=True))
        return {"message": "Network initialized successfully"}

    @routes.post(
        "/plan/<job_id>",
        summary="The plan that such requests would get; leaves nothing running",
        responses={200: planning.JobPlan},
    )
    def plan(path: schemas.JobPath, body: planning.PlanRequest) -> Any:
        return client.plan(path.job_id, body.model_dump(exclude_none=True))

    @routes.post(
        "/train/<job_id>",
        summary="Start training in the background",
        responses={200: responses.TrainingStarted},
    )
    def train(path: schemas.JobPath, body: schemas.Train) -> Any:
        options = body.model_dump(exclude_none=True, exclude_unset=True)
        return {"message": "Training started", **client.train(path.job_id, options)}

    return routes
