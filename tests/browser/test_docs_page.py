"""The page at /docs in a real browser that reaches nothing but the gateway."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import waitress

from http_gateway.app import create_app
from tests.support.fake_job_client import FakeJobClient

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)

pytestmark = pytest.mark.skipif(BROWSER is None, reason=f"none of {', '.join(BROWSERS)} is here")


@pytest.fixture
def url() -> Iterator[str]:
    server = waitress.create_server(
        create_app(FakeJobClient(), version="1.2.3"), host="127.0.0.1", port=0
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()
    thread.join(5)


def rendered(url: str, profile: Path) -> str:
    """The page's HTML after its scripts have run."""
    assert BROWSER is not None
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
    command += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    command += ["--virtual-time-budget=10000", "--dump-dom", url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    return done.stdout


def test_the_page_lists_every_call_without_the_internet(url: str, tmp_path: Path) -> None:
    page = rendered(f"{url}/docs", tmp_path / "profile")
    assert "Tandem" in page and "1.2.3" in page
    paths = create_app(FakeJobClient(), version="1.2.3").api_doc["paths"]
    assert {"/api/jobs", "/api/devices/register", "/api/previous_teraflops"} < set(paths)
    for path in paths:
        assert f'data-path="{path}"' in page, path
