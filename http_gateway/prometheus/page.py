"""``GET /metrics``: the JobManager's figures and the gateway's own, in Prometheus' text format."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator
from typing import Any

from flask import Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, Histogram, generate_latest
from prometheus_client.core import CollectorRegistry, Metric

from actors.core.errors import TandemError
from http_gateway.operations.operation import JobClient, ManagerCall
from http_gateway.prometheus.families import families

FIGURES = ManagerCall(name="figures", timeout_s=3.0, may_repeat=True, is_quick=True)
KEPT_S = 1.0
"""The shortest time between two questions to the JobManager, however many ask for the page."""
OTHER = "other"
"""The label of a request for no operation: a documentation page, an unknown path."""
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
EXTENSION = "tandem_prometheus"


class PrometheusPage:
    """The page of one application. Its registry is its own, so that nothing of this process is
    added."""

    def __init__(self, client: JobClient, operations: Collection[str]) -> None:
        self._client = client
        self._operations = frozenset(operations)
        self._lock = threading.Lock()
        self._figures: dict[str, Any] | None = None
        self._asked_s = float("-inf")
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self._requests = Histogram(
            "tandem_gateway_request_seconds",
            "Requests by operation and status, until the answer was ready to be sent",
            ["operation", "status"],
            buckets=BUCKETS_S,
            registry=self._registry,
        )

    def text(self) -> bytes:
        """The page as Prometheus reads it."""
        return generate_latest(self._registry)

    def count(self, operation: str | None, status: int, took_s: float) -> None:
        """A request was answered."""
        name = operation if operation in self._operations else OTHER
        self._requests.labels(name, str(status)).observe(took_s)

    def collect(self) -> Iterator[Metric]:
        """The JobManager's part; the library calls it for each page."""
        with self._lock:
            if time.monotonic() - self._asked_s >= KEPT_S:
                self._figures = self._ask()
                self._asked_s = time.monotonic()
            figures = self._figures
        return families(figures)

    def _ask(self) -> dict[str, Any] | None:
        try:
            figures: dict[str, Any] = self._client.call(FIGURES, {})
        except TandemError:
            return None
        return figures


def install_prometheus(app: Flask, client: JobClient, operations: Collection[str]) -> None:
    """Install it first: refused requests count, too."""
    page = app.extensions[EXTENSION] = PrometheusPage(client, operations)

    def begin() -> None:
        g.began_s = time.perf_counter()

    def end(response: Response) -> Response:
        page.count(request.endpoint, response.status_code, time.perf_counter() - g.began_s)
        return response

    app.before_request(begin)
    app.after_request(end)


def prometheus_response(app: Flask) -> Response:
    """The answer to a scrape; that the JobManager is gone is no error of the page."""
    page: PrometheusPage = app.extensions[EXTENSION]
    return Response(page.text(), content_type=CONTENT_TYPE_PLAIN_0_0_4)
