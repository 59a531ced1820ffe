"""Brings the pages at the repository's root into the site, with links that work in both places.

In the repository a page links to the file; in the site the root's pages lie under ``project/``. A
link to a file that is no page, such as a licence, becomes its text.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
ROOT_PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for name in ROOT_PAGES:
        text = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, f"project/{name}", content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    here = page.file.src_uri
    lies_at = here.removeprefix("project/") if here.startswith("project/") else f"docs/{here}"

    def in_the_site(link: re.Match[str]) -> str:
        picture, text, target, anchor = link.groups(default="")
        named = posixpath.normpath(posixpath.join(posixpath.dirname(lies_at), target))
        if named in ROOT_PAGES:
            goal = f"project/{named}"
        elif named.startswith("docs/"):
            goal = named.removeprefix("docs/")
        else:
            return text
        return f"{picture}[{text}]({posixpath.relpath(goal, posixpath.dirname(here))}{anchor})"

    return LINK.sub(in_the_site, markdown)
