"""What the table can't say of an operation: where the answer or an argument needs the request."""

from __future__ import annotations

import json
import os
import platform
import shlex
from collections.abc import Callable, Mapping
from importlib import metadata
from typing import IO, Any
from urllib.parse import quote

from flask import Response, current_app, request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wsgi import wrap_file

from actors.core.asking.question import Question
from actors.core.errors import InvalidRequest
from actors.core.input_form import InputForm
from http_gateway.access.auth import CURL_HEADER
from http_gateway.operations.questions import read_question
from http_gateway.operations.table.events import CSV
from http_gateway.operations.table.exports import ENDINGS
from http_gateway.prometheus.page import prometheus_response

VERSION_KEY = "TANDEM_VERSION"
UPLOAD_LIMIT_KEY = "TANDEM_MAX_UPLOAD_BYTES"
ASKS_FOR_TOKEN_KEY = "TANDEM_ASKS_FOR_TOKEN"


def _health() -> dict[str, Any]:
    return {"status": "ok"}


def _version() -> dict[str, Any]:
    return {
        "version": current_app.config[VERSION_KEY],
        "python": platform.python_version(),
        "ray": metadata.version("ray"),
        "torch": metadata.version("torch"),
    }


def _with_commands(devices: list[dict[str, Any]]) -> dict[str, Any]:
    return {"devices": [{**d, "register": _register_command(d)} for d in devices]}


def _register_command(device: Mapping[str, Any]) -> str | None:
    """The curl that registers it, at the address by which this request reached the gateway."""
    if device["status"] == "gone":
        return None
    body = {"ip": device["ip"], "port": device["port"], "job_id": "<job_id>"}
    words = ["curl", "-X", "POST", f"{request.host_url}api/devices/register"]
    words += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    command = shlex.join(words)
    # The shell puts the token in there.
    return f"{command} {CURL_HEADER}" if current_app.config[ASKS_FOR_TOKEN_KEY] else command


def _download(file: IO[bytes]) -> Response:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    job_id = quote((request.view_args or {})["job_id"], safe="")  # a header has no line breaks
    ending = ENDINGS[request.args.get("format", "safetensors")]  # which was checked
    name = f"attachment; filename=job-{job_id}.{ending}"
    return Response(
        wrap_file(request.environ, file),
        mimetype="application/octet-stream",
        headers={"Content-Disposition": name, "Content-Length": str(size)},
        direct_passthrough=True,  # so that no thread waits for the client to take it
    )


def _curves(found: dict[str, Any]) -> Any:
    if request.args.get("format") != "csv":
        return found
    lines = ["name,step,at,value"]
    for curve in found["series"]:
        for row in zip(curve["steps"], curve["at"], curve["values"], strict=True):
            lines.append(",".join([curve["name"], *("" if v is None else str(v) for v in row)]))
    return Response("\n".join([*lines, ""]), mimetype=CSV)


def _gone() -> dict[str, Any]:
    """``gone`` tells whether the client has closed its connection."""
    return {"gone": request.environ.get("waitress.client_disconnected", bool)}


def _late_question() -> dict[str, Any]:
    """``read`` reads what is asked: once it is known that there is a model, and what it takes."""

    def read(form: InputForm, num_outputs: int) -> Question:
        return read_question(request, form, num_outputs)

    return {"read": read, **_gone()}


def _with_limit(datasets: list[dict[str, Any]]) -> dict[str, Any]:
    return {"datasets": datasets, "max_upload_bytes": current_app.config[UPLOAD_LIMIT_KEY]}


def _uploaded_file() -> dict[str, Any]:
    """``open_body`` returns the file that was sent. It goes past Flask's stream, which has a lower
    limit and can't go back to its beginning."""
    limit = request.max_content_length = current_app.config[UPLOAD_LIMIT_KEY]
    if not request.content_length:  # the server counts a body in chunks, too
        raise InvalidRequest(
            "The upload has no body: send a zip, a tar or one file, such as curl -T pets.zip"
        )
    if request.content_length > limit:
        raise RequestEntityTooLarge
    body = request.environ["wsgi.input"]
    return {"open_body": lambda: body, **_gone()}


def _prometheus() -> Response:
    return prometheus_response(current_app)


GATEWAYS_OWN: dict[str, Callable[[], Any]] = {
    "health": _health,
    "prometheus": _prometheus,
    "version": _version,
}
"""What the gateway answers without the JobManager."""
LATE_ARGUMENTS: dict[str, Callable[[], dict[str, Any]]] = {
    "get_model": _gone,
    "predict": _late_question,
    "evaluate": _gone,
    "upload_dataset": _uploaded_file,
}
"""Arguments beside those of the request."""
SHOWN: dict[str, Callable[[Any], Any]] = {
    "list_datasets": _with_limit,
    "list_devices": _with_commands,
    "get_model": _download,
    "get_metrics": _curves,
}
"""From what the JobManager's method returned to the answer."""
