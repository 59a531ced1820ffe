"""Turns what the HTTP server itself refuses, before the app sees it, into the API's error body."""

from __future__ import annotations

import json
from http import HTTPStatus

from waitress.task import ErrorTask
from waitress.utilities import Error


class RequestTimeout(Error):
    """A request that takes too long to arrive."""

    code = 408
    reason = "Request Timeout"


class Busy(Error):
    """A request that waited too long for a thread."""

    code = 503
    reason = "Service Unavailable"


class EarlyRefusal(Error):
    """A refusal before the body is read, with the text that the application would answer."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.code, self.reason = status, HTTPStatus(status).phrase


class JsonErrorTask(ErrorTask):
    """Answers a request that is no HTTP, or larger than the server reads at all."""

    def execute(self) -> None:
        """Replaces waitress's plain text; the connection ends."""
        error = self.request.error
        is_whole = isinstance(error, EarlyRefusal)
        text = error.body if is_whole else f"{error.reason}: {error.body}"
        body = json.dumps({"error": text}).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", "application/json"))
        if error.code == HTTPStatus.UNAUTHORIZED:
            self.response_headers.append(("WWW-Authenticate", "Bearer"))
        self.content_length = len(body)
        self.set_close_on_finish()
        self.write(body)
