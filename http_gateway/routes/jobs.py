"""Jobs: create, list, look at, stop, delete, and what they learned."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from flask_openapi3 import APIBlueprint

from http_gateway import schemas
from http_gateway.job_client import JobClient
from http_gateway.routes import new_blueprint


def blueprint(client: JobClient) -> APIBlueprint:
    """The routes under /api/jobs."""
    routes = new_blueprint("jobs", "/api/jobs")

    @routes.post("", summary="Create a job", responses={201: schemas.JobCreated})
    def create_job(body: schemas.CreateJob) -> Any:
        sent = request.get_json()
        job_id = client.create_job(sent["model_config"], sent["dataset_config"])
        return {"message": "Job created successfully", "job_id": job_id}, 201

    @routes.get("", summary="List the jobs", responses={200: schemas.JobList})
    def list_jobs() -> Any:
        return {"jobs": client.list_jobs()}

    @routes.get("/<job_id>", summary="A job's details", responses={200: schemas.JobDetails})
    def get_job(path: schemas.JobPath) -> Any:
        return client.get_job(path.job_id)

    @routes.delete("/<job_id>", summary="Delete a job", responses={200: schemas.Message})
    def delete_job(path: schemas.JobPath) -> Any:
        client.delete_job(path.job_id)
        return {"message": "Job deleted successfully"}

    @routes.post(
        "/<job_id>/stop", summary="Stop at the next step", responses={200: schemas.Stopping}
    )
    def stop_job(path: schemas.JobPath, body: schemas.NoBody) -> Any:
        return {"message": "Job stopping", **client.stop_job(path.job_id)}

    @routes.get(
        "/<job_id>/model",
        summary="The trained weights as safetensors",
        responses={200: {"content": {"application/octet-stream": {}}}},
    )
    def get_model(path: schemas.JobPath) -> Any:
        name = f"attachment; filename=job-{path.job_id}.safetensors"
        return Response(
            client.get_model(path.job_id),
            mimetype="application/octet-stream",
            headers={"Content-Disposition": name},
        )

    @routes.post(
        "/<job_id>/predict", summary="Classify samples", responses={200: schemas.Prediction}
    )
    def predict(path: schemas.JobPath, body: schemas.Predict) -> Any:
        return client.predict(path.job_id, body.inputs)

    return routes
