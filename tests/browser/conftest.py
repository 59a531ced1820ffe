"""A browser for the tests of a file (Playwright's loop must not last longer), and a page in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.fake_job_client import FakeJobClient
from tests.support.page_world import page_world
from tests.support.served import served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.support.page_browser import WatchedPage


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from tests.support.page_browser import chromium

    with chromium() as started:
        yield started


@pytest.fixture
def world() -> FakeJobClient:
    return page_world()


@pytest.fixture
def shown(browser: Browser, world: FakeJobClient) -> Iterator[WatchedPage]:
    """A page of that world."""
    from tests.support.page_browser import watched

    with served(world) as url, watched(browser, url) as page:
        yield page
        assert page.foreign == []
