"""The page at /docs in a real browser that reaches nothing but the gateway."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import waitress

from http_gateway.app import create_app
from tests.support.browser import needs_browser, rendered
from tests.support.fake_job_client import FakeJobClient

pytestmark = needs_browser


@pytest.fixture(params=[None, "correct-horse-battery-staple"], ids=["no token", "token"])
def token(request: pytest.FixtureRequest) -> str | None:
    token: str | None = request.param
    return token


@pytest.fixture
def url(token: str | None) -> Iterator[str]:
    server = waitress.create_server(
        create_app(FakeJobClient(), token=token, version="1.2.3"), host="127.0.0.1", port=0
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()
    thread.join(5)


def test_the_page_lists_every_call_without_the_internet(
    url: str, token: str | None, tmp_path: Path
) -> None:
    page = rendered(f"{url}/docs", tmp_path / "profile")
    assert ("Authorize" in page) == (token is not None)
    assert "Tandem" in page and "1.2.3" in page
    paths = create_app(FakeJobClient(), version="1.2.3").api_doc["paths"]
    assert {"/api/jobs", "/api/devices/register", "/api/previous_teraflops"} < set(paths)
    for path in paths:
        assert f'data-path="{path}"' in page, path
