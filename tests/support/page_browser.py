"""Pages in a real browser by Playwright: what they ask, what they complain about, and whether
everybody can use them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.support.browser import BROWSER

AXE = Path(__file__).resolve().parents[1] / "browser" / "vendor" / "axe.min.js"
LOCAL_SCHEMES = ("blob", "data")
SERIOUS = {"serious", "critical"}
TIMEOUT_MS = 20_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's; Playwright brings none."""
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


class WatchedPage:
    """A page at ``url``, and what it did: ``foreign`` are requests to other origins, ``complaints``
    what stands in the console."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.url = url
        self.page: Page = context.new_page()
        self.foreign: list[str] = []
        self.complaints: list[str] = []
        self.page.set_default_timeout(TIMEOUT_MS)
        self.page.on("request", lambda request: self._note_request(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda message: self._note_console(message))

    def open(self, place: str = "") -> Page:
        """The view behind the ``#``."""
        self.page.goto(f"{self.url}/#/{place}")
        return self.page

    def _note_request(self, url: str) -> None:
        if urlsplit(url).scheme not in LOCAL_SCHEMES and not url.startswith(self.url):
            self.foreign.append(url)

    def _note_console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def barriers(self) -> list[str]:
        """What keeps some people from using what is shown, as axe-core finds it."""
        self.page.evaluate(AXE.read_text("utf-8"))
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{one['id']}: {json.dumps([node['html'][:150] for node in one['nodes']])}"
            for one in found["violations"]
            if one["impact"] in SERIOUS
        ]

    def is_too_wide(self) -> bool:
        """Whether one has to scroll sideways."""
        script = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        return bool(self.page.evaluate(script))


@contextmanager
def watched(browser: Browser, url: str, **options: Any) -> Iterator[WatchedPage]:
    """In a browser window of its own, without what another one has kept."""
    context = browser.new_context(**options)
    try:
        yield WatchedPage(context, url)
    finally:
        context.close()
