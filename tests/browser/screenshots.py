"""Takes pictures of every view of the page, in both themes: `make screenshots`."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from actors.core.version import __version__
from http_gateway.app import create_app
from tests.support.documents import ROOT
from tests.support.page_browser import WatchedPage, chromium, watched
from tests.support.page_world import page_world
from tests.support.served import serving

IMAGES = ROOT / "docs" / "images" / "page"
NUM_COLOURS = 256
SIZE = {"width": 1280, "height": 800}
VIEWS = {
    "jobs": ("jobs?compare=1,3", "Compare 2 jobs"),
    "new": ("new?example=digits", "Create and plan"),
    "training": ("jobs/5?smooth=1", "val_loss"),
    "pipeline": ("jobs/5/pipeline", "bottleneck"),
    "plan": ("jobs/5/plan", "Step, measured"),
    "events": ("jobs/5/events", "does not answer any more"),
    "evaluation": ("jobs/1/evaluation", "The newest weights"),
    "compare": ("compare/1/3/5?smooth=1", "job 5 loss"),
    "again": ("new?like=5", "Nothing that it has learnt"),
    "devices": ("devices", "laptop"),
    "try": ("try/1", "White on black"),
}
"""The picture's name -> the view, and a text that is there once it is whole."""


def main() -> None:
    """Writes docs/images/page/<view>-<theme>.png."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    app = create_app(page_world(), version=__version__, ray_address="192.168.1.5:6379")
    with serving(app) as server, chromium() as browser:
        url = f"http://127.0.0.1:{server.effective_port}"
        for scheme in ("light", "dark"):
            with watched(browser, url, color_scheme=scheme, viewport=SIZE) as shown:
                for name in VIEWS:
                    take(shown, name, IMAGES / f"{name}-{scheme}.png")


def take(shown: WatchedPage, name: str, path: Path) -> None:
    """One picture of the whole view."""
    place, text = VIEWS[name]
    page = shown.open(place)
    expect(page.get_by_text(text).first).to_be_visible()
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    if name == "jobs":
        expect(page.locator(".sparkline path")).to_have_count(5)
    if name == "pipeline":
        page.get_by_role("button", name="Look at the next steps").click()
        expect(page.locator("rect.lane")).to_have_count(3)
    if name == "evaluation":
        page.get_by_role("button", name="Evaluate").click()
        expect(page.get_by_role("region", name="The worst samples")).to_be_visible()
    if name == "again":
        page.get_by_text("Upload files from this device").click()
    if name == "try":
        draw_seven(page)
    picture = Image.open(io.BytesIO(page.screenshot(full_page=True, animations="disabled")))
    palette = Image.Quantize.MAXCOVERAGE  # keeps the colour of a single dot
    small = picture.convert("RGB").quantize(NUM_COLOURS, palette, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


def draw_seven(page: Page) -> None:
    """Where the network judges it."""
    box = page.locator(".drawing canvas").bounding_box()
    assert box is not None
    for i, (x, y) in enumerate([(80, 60), (205, 60), (160, 140), (125, 235)]):
        page.mouse.move(box["x"] + x, box["y"] + y, steps=6)
        if i == 0:
            page.mouse.down()
    page.mouse.up()
    expect(page.locator(".bars li").first).to_be_visible()


if __name__ == "__main__":
    main()
