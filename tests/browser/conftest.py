"""A browser for the tests of a file; Playwright's loop must not last longer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from tests.support.page_browser import chromium

    with chromium() as started:
        yield started
