"""Exception class -> status, and the one error body."""

from __future__ import annotations

import logging
import uuid

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge

from actors.core import errors
from http_gateway.operations.validation_text import shorten

MAX_PATH_CHARS = 200

STATUSES: tuple[tuple[type[Exception], int], ...] = (
    (errors.InvalidRequest, 400),
    (errors.NotFound, 404),
    (errors.Conflict, 409),
    (errors.CallerError, 400),
    (errors.Unavailable, 503),
    (errors.StageFailure, 500),
)

logger = logging.getLogger(__name__)


def install_error_handlers(app: Flask) -> None:
    """Every error of every route becomes ``{"error": "<text>"}``; no traceback leaves."""
    app.register_error_handler(errors.TandemError, _tandem_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected)


def error_response(text: str, status: int) -> Response:
    """The one error body."""
    response = jsonify({"error": text})
    response.status_code = status
    return response


def _tandem_error(error: errors.TandemError) -> Response:
    status = next((code for kind, code in STATUSES if isinstance(error, kind)), 500)
    return error_response(error.message, status)


def _http_error(error: HTTPException) -> Response:
    response = error_response(_http_text(error), error.code or 500)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def _http_text(error: HTTPException) -> str:
    path = shorten(request.path, MAX_PATH_CHARS)
    if isinstance(error, NotFound):
        return f"There is nothing at {path}; /docs lists what there is"
    if isinstance(error, MethodNotAllowed):
        allowed = ", ".join(sorted(error.valid_methods or []))
        return f"{path} does not take {shorten(request.method)}; it takes {allowed}"
    if isinstance(error, RequestEntityTooLarge):
        limit = request.max_content_length
        return f"The request body has more than {limit} bytes, the limit"
    return error.description or error.name


def _unexpected(error: Exception) -> Response:
    error_id = uuid.uuid4().hex[:8]
    logger.error("error %s at %s %s", error_id, request.method, request.path, exc_info=error)
    return error_response(f"Internal error {error_id}; the gateway's log has the details", 500)
