"""A page of another origin, in a real browser, tries to drive a gateway without a token."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import waitress

from http_gateway.app import create_app
from tests.support.browser import needs_browser, rendered
from tests.support.fake_job_client import FakeJobClient

PAGE = """<!doctype html><title>A page</title><body><script>
fetch("{0}/api/network/initialize/1", {{method: "POST", mode: "no-cors", body: "{{}}"}});
</script><img src="{0}/api/doctor"></body>"""

pytestmark = needs_browser


@contextmanager
def served(app: Callable[..., Any]) -> Iterator[int]:
    """The port of a server for the block."""
    server = waitress.create_server(app, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield int(server.effective_port)
    server.close()
    thread.join(5)


@pytest.mark.parametrize("rebound", [False, True], ids=["another site", "DNS rebinding"])
def test_what_a_foreign_page_sends_is_refused(tmp_path: Path, rebound: bool) -> None:
    fake = FakeJobClient()
    app = create_app(fake, version="1.2.3")
    seen: set[tuple[str, str | None, str]] = set()

    def gateway(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        def note(status: str, *arguments: Any) -> Any:
            if environ["PATH_INFO"].startswith("/api/"):
                seen.add((environ["REQUEST_METHOD"], environ.get("HTTP_ORIGIN"), status[:3]))
            return start_response(status, *arguments)

        if environ["PATH_INFO"] == "/page":  # what stood under the name before it was rebound
            return foreign(environ, start_response)
        return app(environ, note)

    def foreign(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        start_response("200 OK", [("Content-Type", "text/html")])
        return [PAGE.format(target).encode()]

    with served(gateway) as port, served(foreign) as other:
        target = f"http://{'evil.example' if rebound else '127.0.0.1'}:{port}"
        origin = target if rebound else f"http://127.0.0.1:{other}"
        rendered(f"{origin}/page", tmp_path / "profile", "evil.example")
    assert seen == {("POST", origin, "403"), ("GET", None, "403")}
    assert fake.calls == []
