"""Makes the Flask application: routes, validation, documentation, errors."""

from __future__ import annotations

from typing import Any, NoReturn

from flask import redirect, request
from flask_openapi3 import Info, OpenAPI
from flask_openapi3.types import SecuritySchemesDict
from pydantic import ValidationError

from actors.core.errors import InvalidRequest
from http_gateway import schemas, schemas_planning
from http_gateway import schemas_responses as responses
from http_gateway.access_control import install_access_control
from http_gateway.errors import MAX_PATH_CHARS, install_error_handlers
from http_gateway.idempotency import document_header, install_idempotency
from http_gateway.job_client import JobClient
from http_gateway.json_request import JsonRequest
from http_gateway.routes import devices, doctor, health, jobs, models, network, teraflops
from http_gateway.validation_text import shorten, validation_text

MAX_BODY_BYTES = 64 * 2**20
QUERY_PARAMETERS = {
    "devices.unregister_device": {"ip", "job_id"},
    "jobs.delete_job": {"force"},
    "jobs.get_job": {"after_epoch", "history_limit"},
    "jobs.list_events": {"after_index", "limit"},
    "teraflops.previous_teraflops": {"limit"},
    "jobs.list_steps": {"after_epoch", "after_step", "limit"},
}
DESCRIPTION = """Trains one neural network across the devices you own.

Every error is `{"error": "<text>"}`. Create a job, register devices, initialize, train, watch
`GET /api/jobs/<job_id>`."""
SECURITY_SCHEMES: SecuritySchemesDict = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "The token that the gateway was started with.",
    }
}


def create_app(
    job_client: JobClient,
    *,
    max_request_body_bytes: int = MAX_BODY_BYTES,
    token: str | None = None,
    version: str,
) -> OpenAPI:
    """The gateway as a WSGI application; ``job_client`` does what the routes ask for.

    Requests need the ``token``, if there is one; without one, only this host must reach the app.
    """
    app = OpenAPI(
        "http_gateway",
        info=Info(title="Tandem", version=version, description=DESCRIPTION),
        validation_error_status="400",
        validation_error_model=responses.Error,
        validation_error_callback=_refuse,
        doc_prefix="/openapi",
        security_schemes=None if token is None else SECURITY_SCHEMES,
        openapi_extensions=None if token is None else {"security": [{"token": []}]},
    )
    app.request_class = JsonRequest
    app.url_map.merge_slashes = False  # it would answer with a redirect, a page of HTML
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.config["MAX_CONTENT_LENGTH"] = max_request_body_bytes
    install_access_control(app, token)
    app.before_request(_refuse_unknown_parameters)
    install_idempotency(app, job_client)
    install_error_handlers(app)
    for blueprint in (
        jobs.blueprint(job_client),
        devices.blueprint(job_client),
        network.blueprint(job_client),
        teraflops.blueprint(job_client),
        models.blueprint(job_client),
        doctor.blueprint(job_client),
        health.blueprint(job_client, version),
    ):
        app.register_api(blueprint)
    _add_documentation(app)
    document_header(app.api_doc)
    return app


def _refuse(error: ValidationError) -> NoReturn:
    model = getattr(schemas, error.title, None) or getattr(schemas_planning, error.title)
    raise InvalidRequest(validation_text(error, model)) from error


def _refuse_unknown_parameters() -> None:
    if request.routing_exception is not None:
        return  # no such path or method, whatever its parameters
    known = QUERY_PARAMETERS.get(request.endpoint or "", set())
    unknown = sorted(set(request.args) - known)
    if request.path.startswith("/api/") and unknown:
        takes = f"takes {', '.join(sorted(known))}" if known else "takes none"
        path = shorten(request.path, MAX_PATH_CHARS)
        raise InvalidRequest(f"Unknown query parameter {shorten(unknown[0])!r}: {path} {takes}")


def _add_documentation(app: OpenAPI) -> None:
    @app.get("/openapi.json", doc_ui=False)
    def openapi_document() -> dict[str, Any]:
        return app.api_doc

    @app.get("/docs", doc_ui=False)
    def docs() -> Any:
        return redirect("/openapi/swagger")

    @app.get("/", doc_ui=False)
    def home() -> Any:
        return redirect("/docs")
