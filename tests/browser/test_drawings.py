"""The site's drawings, by the script that the repository brings: no network is needed."""

from __future__ import annotations

import html
import re
from pathlib import Path

from tests.support.browser import needs_browser, rendered
from tests.support.documents import ROOT

pytestmark = needs_browser
SCRIPT = ROOT / "docs" / "assets" / "mermaid.tiny.js"
DRAWING = re.compile(r"^```mermaid\n(.*?)^```", re.DOTALL | re.MULTILINE)


def test_every_drawing_of_the_pages_is_drawn_without_the_internet(tmp_path: Path) -> None:
    pages = sorted((ROOT / "docs").rglob("*.md"))
    drawings = [text for page in pages for text in DRAWING.findall(page.read_text("utf-8"))]
    assert drawings
    blocks = "".join(f'<pre class="mermaid">{html.escape(text)}</pre>' for text in drawings)
    page = tmp_path / "page.html"
    page.write_text(f'<body>{blocks}<script src="{SCRIPT.as_uri()}"></script>', encoding="utf-8")
    drawn = rendered(page.as_uri(), tmp_path / "profile")
    assert drawn.count('<svg id="mermaid-') == len(drawings)
    assert "Syntax error" not in drawn


def test_the_site_takes_that_script() -> None:
    assert f"assets/{SCRIPT.name}" in (ROOT / "mkdocs.yml").read_text("utf-8")
    assert (SCRIPT.parent / "mermaid.LICENSE.txt").exists()
