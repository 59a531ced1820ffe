"""``Idempotency-Key``: a POST sent twice is done once, and answered twice alike.

The JobManager keeps keys and answers, so that they outlive the gateway. It saves what a request
has come to together with what that changes, so that a retry after a 503, or after the end of the
JobManager, finds it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Collection
from functools import partial

from flask import Flask, Response, jsonify, request

from actors.core.errors import InvalidRequest, TandemError
from http_gateway.operations.operation import JobClient, ManagerCall
from http_gateway.operations.request_key import current_key
from http_gateway.operations.validation_text import shorten

KEY_HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotent-Replayed"
VISIBLE_ASCII = re.compile(r"[!-~]{1,255}")
BLOCK_BYTES = 2**20
BEGIN_REQUEST = ManagerCall(name="begin_request")
FINISH_REQUEST = ManagerCall(name="finish_request", may_repeat=True)
DROP_REQUEST = ManagerCall(name="drop_request", may_repeat=True)
logger = logging.getLogger(__name__)


def install_idempotency(app: Flask, client: JobClient, taking_files: Collection[str]) -> None:
    """Install it after the access control: a stranger must not be told a stored answer.
    ``taking_files`` are the endpoints whose body is a file, which need not fit into memory."""

    def begin() -> Response | None:
        key = request.headers.get(KEY_HEADER)
        if request.method != "POST" or request.routing_exception is not None or key is None:
            return None
        begun = {
            "key": _checked(key),
            "fingerprint": _fingerprint(request.endpoint in taking_files),
        }
        stored = client.call(BEGIN_REQUEST, begun)
        if stored is None:
            current_key.set(key)
            return None
        response = jsonify(stored["body"])
        response.status_code = stored["status"]
        response.headers[REPLAYED_HEADER] = "true"
        return response

    def end(response: Response) -> Response:
        key = current_key.get()
        if key is not None:
            current_key.set(None)
            _remember(client, key, response)
        return response

    def forget(_error: BaseException | None) -> None:
        current_key.set(None)  # the thread's next request has another one, or none

    app.before_request(begin)
    app.after_request(end)
    app.teardown_request(forget)


def _remember(client: JobClient, key: str, response: Response) -> None:
    """The request is done: that its answer could not be kept must not hide the answer."""
    try:
        if 200 <= response.status_code < 300:
            answer = {"status": response.status_code, "body": response.get_json()}
            client.call(FINISH_REQUEST, {"key": key, "answer": answer})
        else:
            client.call(DROP_REQUEST, {"key": key})
    except TandemError as error:
        logger.warning("the answer to the request %s was not kept: %s", key, error.message)


def _checked(key: str) -> str:
    if VISIBLE_ASCII.fullmatch(key) is None:
        raise InvalidRequest(
            f"{KEY_HEADER} is {shorten(repr(key))}, but must be 1 to 255 visible ASCII characters, "
            "such as a UUID"
        )
    return key


def _fingerprint(is_file: bool) -> str:
    """Of what is asked for: method, path, query and body, each with its length before it."""
    digest = hashlib.sha256()
    path = request.path.encode("utf-8", "surrogatepass")
    parts = [request.method.encode(), path, request.query_string]
    for part in parts if is_file else [*parts, request.get_data(cache=True)]:
        digest.update(len(part).to_bytes(8, "big") + part)
    if is_file:
        file = request.environ["wsgi.input"]
        digest.update(file.seek(0, os.SEEK_END).to_bytes(8, "big"))
        file.seek(0)
        for block in iter(partial(file.read, BLOCK_BYTES), b""):
            digest.update(block)
        file.seek(0)
    return digest.hexdigest()
