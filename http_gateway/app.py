"""Makes the Flask application: routes, validation, documentation, errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from flask import redirect, request
from flask_openapi3 import Info, OpenAPI
from pydantic import ValidationError

from actors.core.errors import InvalidRequest
from http_gateway.access.access_control import install_access_control
from http_gateway.errors import MAX_PATH_CHARS, install_error_handlers
from http_gateway.live.event_hub import EventHub
from http_gateway.operations.document import complete_document
from http_gateway.operations.idempotency import install_idempotency
from http_gateway.operations.json_request import JsonRequest
from http_gateway.operations.operation import JobClient, Operation
from http_gateway.operations.routes import add_routes
from http_gateway.operations.special import ASKS_FOR_TOKEN_KEY, UPLOAD_LIMIT_KEY, VERSION_KEY
from http_gateway.operations.table import OPERATIONS
from http_gateway.operations.validation_text import shorten, validation_text
from http_gateway.page.page_files import page_files
from http_gateway.page.session_routes import session_routes
from http_gateway.prometheus.page import install_prometheus
from http_gateway.schemas.base import Error

MAX_BODY_BYTES = 64 * 2**20
MAX_UPLOAD_BYTES = 16 * 2**30
DESCRIPTION = """Trains one neural network across the devices you own.

Every error is `{"error": "<text>"}`. An integer has no fraction: 1.0 is refused
where one is meant. Create a job, register devices, initialize, train, watch
`GET /api/jobs/<job_id>`."""


def create_app(
    job_client: JobClient,
    *,
    max_request_body_bytes: int = MAX_BODY_BYTES,
    max_upload_bytes: int = MAX_UPLOAD_BYTES,
    token: str | None = None,
    version: str,
    ray_address: str | None = None,
    operations: Sequence[Operation] = OPERATIONS,
    hub: EventHub | None = None,
) -> OpenAPI:
    """The gateway as a WSGI application; ``job_client`` does what the operations ask for.

    Requests need the ``token``, if there is one; without one, only this host must reach the app.
    ``ray_address`` is where other devices join the cluster, if they can.
    The ``hub`` sends to who listens; whoever gives one ends it.
    """
    by_name = {operation.name: operation for operation in operations}
    app = OpenAPI(
        "http_gateway",
        info=Info(title="Tandem", version=version, description=DESCRIPTION),
        validation_error_status="400",
        validation_error_model=Error,
        validation_error_callback=_refusal(operations),
        doc_prefix="/openapi",
    )
    app.request_class = JsonRequest
    app.url_map.merge_slashes = False  # it would answer with a redirect, a page of HTML
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.config["MAX_CONTENT_LENGTH"] = max_request_body_bytes
    app.config[UPLOAD_LIMIT_KEY] = max_upload_bytes
    app.config[VERSION_KEY] = version
    app.config[ASKS_FOR_TOKEN_KEY] = token is not None
    install_prometheus(app, job_client, by_name)
    install_access_control(app, token, {o.name for o in operations if not o.needs_token})
    app.before_request(lambda: _refuse_unknown_parameters(by_name.get(request.endpoint or "")))
    install_idempotency(app, job_client, {o.name for o in operations if o.takes_file})
    install_error_handlers(app)
    add_routes(app, job_client, hub or EventHub(job_client), operations)
    _add_documentation(app)
    app.register_blueprint(page_files())
    app.register_blueprint(session_routes(token, ray_address))
    complete_document(app.api_doc, operations, asks_for_token=token is not None)
    return app


def _refusal(operations: Iterable[Operation]) -> Callable[[ValidationError], NoReturn]:
    models = {model.__name__: model for o in operations for model in o.request_models}

    def refuse(error: ValidationError) -> NoReturn:
        raise InvalidRequest(validation_text(error, models[error.title])) from error

    return refuse


def _refuse_unknown_parameters(operation: Operation | None) -> None:
    if request.routing_exception is not None:
        return  # no such path or method, whatever its parameters
    known = operation.query_names if operation is not None else {}
    unknown = sorted(set(request.args) - set(known))
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
