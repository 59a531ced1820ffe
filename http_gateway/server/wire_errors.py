"""Turns what the HTTP server itself refuses, before the app sees it, into the API's error body."""

from __future__ import annotations

import json

from waitress.parser import HTTPRequestParser
from waitress.task import ErrorTask
from waitress.utilities import BadRequest, Error


class RequestTimeout(Error):
    """A request that takes too long to arrive."""

    code = 408
    reason = "Request Timeout"


class Busy(Error):
    """A request that waited too long for a thread."""

    code = 503
    reason = "Service Unavailable"


class JsonErrorTask(ErrorTask):
    """Answers a request that is no HTTP, or larger than the server reads at all."""

    def execute(self) -> None:
        """Replaces waitress's plain text; the connection ends."""
        error = self.request.error
        body = json.dumps({"error": f"{error.reason}: {error.body}"}).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", "application/json"))
        self.content_length = len(body)
        self.set_close_on_finish()
        self.write(body)


class Parser(HTTPRequestParser):
    """Refuses what waitress's own trips over, such as a length of thousands of digits."""

    def received(self, data: bytes) -> int:
        """How many of the bytes belong to this request."""
        try:
            num_bytes: int = super().received(data)
        except ValueError as error:
            self.error = BadRequest(f"{error}")
            self.completed = True
            return len(data)
        return num_bytes
