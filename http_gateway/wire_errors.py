"""What the HTTP server itself refuses, before the app sees it, in the API's one error body."""

from __future__ import annotations

import json

from waitress.channel import HTTPChannel
from waitress.task import ErrorTask


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


class JsonErrorChannel(HTTPChannel):
    """A connection whose errors are JSON."""

    error_task_class = JsonErrorTask
