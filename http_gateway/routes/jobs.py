"""Jobs: create, list, look at, stop, resume, delete, and what they learned."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from flask import Response, request
from flask_openapi3 import APIBlueprint
from werkzeug.wsgi import wrap_file

from actors.core.input_form import InputForm
from http_gateway import schemas, schemas_planning
from http_gateway import schemas_responses as responses
from http_gateway.job_client import JobClient
from http_gateway.routes import new_blueprint
from http_gateway.rows import Rows, read_rows
from http_gateway.schemas_proof import Verified

PREDICT_BODY = {
    "required": True,
    "content": {"application/json": {"schema": schemas.Predict.model_json_schema()}},
}
FURTHER = ("task", "train_config", "failure_policy", "checkpoints")


def blueprint(client: JobClient) -> APIBlueprint:
    """The routes under /api/jobs."""
    routes = new_blueprint("jobs", "/api/jobs")
    _add_jobs(routes, client)
    _add_stop_and_resume(routes, client)
    _add_records(routes, client)
    _add_verify(routes, client)
    _add_model(routes, client)
    return routes


def _add_jobs(routes: APIBlueprint, client: JobClient) -> None:
    @routes.post("", summary="Create a job", responses={201: responses.JobCreated})
    def create_job(body: schemas.CreateJob) -> Any:
        sent = request.get_json()
        further = {name: sent[name] for name in FURTHER if sent.get(name) is not None}
        job_id = client.create_job(sent["model_config"], sent["dataset_config"], further)
        return {"message": "Job created successfully", "job_id": job_id}, 201

    @routes.get("", summary="List the jobs", responses={200: responses.JobList})
    def list_jobs() -> Any:
        return {"jobs": client.list_jobs()}

    @routes.get("/<job_id>", summary="A job's details", responses={200: responses.JobDetails})
    def get_job(path: schemas.JobPath, query: schemas.JobQuery) -> Any:
        return client.get_job(path.job_id, query.after_epoch, query.history_limit)

    @routes.delete("/<job_id>", summary="Delete a job", responses={200: responses.Message})
    def delete_job(path: schemas.JobPath, query: schemas.DeleteQuery) -> Any:
        client.delete_job(path.job_id, query.force)
        return {"message": "Job deleted successfully"}


def _add_stop_and_resume(routes: APIBlueprint, client: JobClient) -> None:
    @routes.post(
        "/<job_id>/stop", summary="Stop at the next step", responses={200: responses.Stopping}
    )
    def stop_job(path: schemas.JobPath, body: schemas.NoBody) -> Any:
        return {"message": "Job stopping", **client.stop_job(path.job_id)}

    @routes.post(
        "/<job_id>/resume",
        summary="Go on with the session that was stopped or failed",
        responses={200: responses.Resumed},
    )
    def resume_job(path: schemas.JobPath, body: schemas.NoBody) -> Any:
        return {"message": "Training resumed", **client.resume_job(path.job_id)}


def _add_records(routes: APIBlueprint, client: JobClient) -> None:
    @routes.get(
        "/<job_id>/checkpoints",
        summary="The job's checkpoints, newest first",
        responses={200: responses.CheckpointList},
    )
    def list_checkpoints(path: schemas.JobPath) -> Any:
        return {"checkpoints": client.list_checkpoints(path.job_id)}

    @routes.get(
        "/<job_id>/plan",
        summary="The plan in force, and what its steps took",
        responses={200: schemas_planning.PlanInForce},
    )
    def get_plan(path: schemas.JobPath) -> Any:
        return client.get_plan(path.job_id)

    @routes.get(
        "/<job_id>/events",
        summary="What happened to the job, oldest first",
        responses={200: responses.EventList},
    )
    def list_events(path: schemas.JobPath, query: schemas.EventsQuery) -> Any:
        return {"events": client.list_events(path.job_id, query.after_index, query.limit)}

    @routes.get(
        "/<job_id>/steps", summary="The loss of every step", responses={200: responses.StepList}
    )
    def list_steps(path: schemas.JobPath, query: schemas.StepsQuery) -> Any:
        after = (query.after_epoch, query.after_step)
        return {"steps": client.list_steps(path.job_id, *after, query.limit)}


def _add_verify(routes: APIBlueprint, client: JobClient) -> None:
    @routes.post(
        "/<job_id>/verify",
        summary="Train the first steps again on one device without a pipeline: are the bits the "
        "same? Takes about a minute at most",
        responses={200: Verified},
    )
    def verify(path: schemas.JobPath, body: schemas.Verify) -> Any:
        return client.verify(path.job_id, body.steps)


def _add_model(routes: APIBlueprint, client: JobClient) -> None:
    @routes.get(
        "/<job_id>/model",
        summary="The trained weights as safetensors",
        responses={200: {"content": {"application/octet-stream": {}}}},
    )
    def get_model(path: schemas.JobPath) -> Any:
        file = client.get_model(path.job_id, _gone())
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        name = f"attachment; filename=job-{path.job_id}.safetensors"
        return Response(
            wrap_file(request.environ, file),
            mimetype="application/octet-stream",
            headers={"Content-Disposition": name, "Content-Length": str(size)},
            direct_passthrough=True,  # so that no thread waits for the client to take it
        )

    @routes.post(
        "/<job_id>/predict",
        summary="Classify samples",
        responses={200: responses.Prediction},
        # Not a parameter: its body would be read before it is known whether there is a model.
        openapi_extensions={"requestBody": PREDICT_BODY},
    )
    def predict(path: schemas.JobPath) -> Any:
        def read(form: InputForm, num_outputs: int) -> Rows:
            return read_rows(request.get_data(cache=False), form, num_outputs)

        return client.predict(path.job_id, read, _gone())


def _gone() -> Callable[[], bool]:
    """Tells whether the client has closed its connection."""
    found: Callable[[], bool] = request.environ.get("waitress.client_disconnected", bool)
    return found
