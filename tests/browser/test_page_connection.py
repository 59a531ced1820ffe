"""The page's one connection, and who may have it."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from http_gateway.app import create_app
from tests.support.browser import needs_browser
from tests.support.page_browser import watched
from tests.support.page_world import event, page_world
from tests.support.ports import free_ports
from tests.support.served import served, serving

pytestmark = needs_browser
TOKEN = "correct-horse-battery-staple"


def is_stream(url: str) -> bool:
    """Whether that is the address of all jobs' events."""
    return urlsplit(url).path == "/api/events"


def test_what_happens_is_shown_as_it_happens(browser: Browser) -> None:
    world = page_world()
    with served(world) as url, watched(browser, url) as shown:
        page = shown.open("jobs")
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        row = page.locator("tr", has_text="Job 5")
        expect(row.get_by_text("training")).to_be_visible()
        jobs = [{**job, "status": "completed"} for job in world.answers["list_jobs"]]
        news = {"events": [event(901, 480, "status", None)], "next_after": 901, "gone": []}
        nothing = {"events": [], "next_after": 901, "gone": []}
        told = iter([news])
        world.answers |= {"list_jobs": jobs, "read_log": lambda **_: next(told, nothing)}
        expect(row.get_by_text("completed")).to_be_visible()


def test_one_connection_serves_all_views_and_comes_back_with_the_gateway(browser: Browser) -> None:
    world, (port,) = page_world(), free_ports(1)
    with served(world, port) as url:
        context = browser.new_context()
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{url}/#/jobs")
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        expect(page.get_by_role("link", name="Job 5")).to_be_visible()
        for name in ("Devices", "Try it"):
            page.get_by_role("link", name=name, exact=True).click()
            expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
        assert len([url for url in asked if is_stream(url)]) == 1
    expect(page.get_by_text("Not connected")).to_be_visible()
    page.get_by_role("link", name="Jobs", exact=True).click()
    expect(page.get_by_role("link", name="Job 5")).to_be_visible()  # as it was shown before
    world.answers["list_jobs"] = world.answers["list_jobs"][:1]
    with served(world, port):
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        expect(page.locator("table.list tbody tr")).to_have_count(1)
    assert "after=" in [one for one in asked if is_stream(one)][-1]
    context.close()


def test_a_token_is_typed_in_once(browser: Browser) -> None:
    app = create_app(page_world(), token=TOKEN, version="9.8.7")
    with serving(app) as server:
        url = f"http://127.0.0.1:{server.effective_port}"
        with watched(browser, url) as shown:
            page = shown.open("jobs/5/plan")
            page.get_by_label("Token").fill("not-the-right-token")
            page.get_by_role("button", name="Sign in").click()
            expect(page.get_by_role("alert")).to_contain_text("not this gateway's")
            assert shown.barriers() == []
            page.get_by_label("Token").fill(TOKEN)
            page.get_by_role("button", name="Sign in").click()
            expect(page.get_by_text("Step, measured")).to_be_visible()
            expect(page.get_by_text("Live", exact=True)).to_be_visible()
            assert page.evaluate("document.cookie") == ""
            (cookie,) = page.context.cookies()
            assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
            assert TOKEN not in cookie["value"]
            page.reload()
            expect(page.get_by_text("Step, measured")).to_be_visible()
            page.get_by_role("button", name="Sign out").click()
            expect(page.get_by_label("Token")).to_be_visible()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_without_a_token_nobody_signs_in(browser: Browser, name: str) -> None:
    with served(page_world()) as url, watched(browser, url.replace("127.0.0.1", name)) as shown:
        page = shown.open("jobs")
        expect(page.get_by_role("link", name="Job 5")).to_be_visible()
        expect(page.get_by_role("button", name="Sign out")).to_have_count(0)
