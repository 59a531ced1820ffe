"""From an empty server to a trained network and a drawn digit, by clicks alone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Locator, expect

from http_gateway.client import TandemClient
from http_gateway.process.gateway_process import GatewayProcess
from tests.support.browser import needs_browser
from tests.support.page_browser import watched

pytestmark = needs_browser
TRAINED_MS = 120_000


@pytest.mark.timeout(240)
def test_a_newcomer_trains_a_network_and_draws_a_digit_for_it(
    browser: Browser, gateway: GatewayProcess, client: TandemClient
) -> None:
    assert client.list_jobs() == []
    with watched(browser, gateway.url) as shown:
        page = shown.open()
        page.get_by_role("link", name="Train the digits").click()
        page.get_by_role("button", name="Look at the data").click()
        expect(page.get_by_text("1,438 samples to train on")).to_be_visible()
        page.get_by_role("button", name="Create and plan").click()
        start = page.get_by_role("button", name="Start training")
        start.click(timeout=TRAINED_MS)
        page.wait_for_url("**/#/jobs/*", timeout=TRAINED_MS)
        expect(page.get_by_role("heading", level=1)).to_contain_text(
            "completed", timeout=TRAINED_MS
        )
        expect(page.locator(".legend")).to_contain_text("val_loss")
        (job,) = client.list_jobs()
        told = client.get_job(job["job_id"])["history"][-1]["val_accuracy"]
        assert told > 0.9
        expect(page.get_by_text("val_accuracy").first).to_be_visible()
        page.get_by_role("link", name="Pipeline").click()
        expect(page.get_by_role("heading", name="Device 1")).to_be_visible()
        page.get_by_role("link", name="Try it").last.click()
        draw_zero(page.locator(".drawing canvas"))
        expect(page.locator(".bars li").first.locator(".bar-name")).to_have_text("0")
        assert shown.barriers() == []
        assert (shown.complaints, shown.foreign) == ([], [])


def draw_zero(canvas: Locator) -> None:
    """A round one, by the mouse."""
    box = canvas.bounding_box()
    assert box is not None
    mouse = canvas.page.mouse
    ring = [
        (140, 50),
        (190, 80),
        (205, 140),
        (190, 200),
        (140, 230),
        (90, 200),
        (75, 140),
        (90, 80),
    ]
    for i, (x, y) in enumerate([*ring, ring[0]]):
        mouse.move(box["x"] + x, box["y"] + y, steps=4)
        if i == 0:
            mouse.down()
    mouse.up()
