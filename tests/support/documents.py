"""The words of README and of the pages under docs/, for tests that do what they say."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.hosts import Host, Service, clean_environment

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
HEAD_IP, TOKEN = "192.168.1.5", "<the token>"  # as they write them


def page(name: str) -> str:
    """A page by its name under docs/, such as ``api``."""
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def pages() -> dict[str, str]:
    """Each page that a reader may follow, by its path in the repository."""
    paths = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]
    paths += sorted((ROOT / "docs").rglob("*.md"))
    return {str(p.relative_to(ROOT)): p.read_text(encoding="utf-8") for p in paths}


def section(text: str, title: str) -> str:
    """The text under a heading of the second level."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert found is not None, title
    return found[1]


def blocks(language: str, text: str) -> list[str]:
    """The code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def cluster_block(words: str) -> str:
    """The first block of ``docs/own_cluster.md`` with these words in it."""
    return next(block for block in blocks("shell", page("own_cluster")) if words in block)


def paste(
    host: Host, text: str, name: str, head_ip: str, token: str = "", env: Mapping[str, str] = {}
) -> Service:
    """Commands of a page in a shell of ``host``, with the addresses and the token that are
    meant; the environment that these tests run in comes first in PATH."""
    meant = text.replace(HEAD_IP, head_ip).replace(TOKEN, token)
    path = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    return host.start(["bash", "-ec", meant], {**clean_environment(), **path, **env}, name)
