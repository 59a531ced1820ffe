"""The README's words, for tests that do what it says."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.hosts import Host, Service, clean_environment

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()
HEAD_IP, DEVICE_IP, TOKEN = "192.168.1.5", "192.168.1.6", "<the token>"  # as it writes them


def section(title: str) -> str:
    """What stands under a heading of the second level."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", README, re.M | re.S)
    assert found is not None, title
    return found[1]


def blocks(language: str, text: str = README) -> list[str]:
    """The code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def cluster_block(words: str) -> str:
    """The one block of "Your own cluster" with these words in it."""
    (found,) = [block for block in blocks("shell", section("Your own cluster")) if words in block]
    return found


def paste(
    host: Host, text: str, name: str, head_ip: str, token: str = "", env: Mapping[str, str] = {}
) -> Service:
    """Commands of the README in a shell of ``host``, with the addresses and the token that are
    meant; the environment that these tests run in comes first in PATH."""
    meant = text.replace(HEAD_IP, head_ip).replace(TOKEN, token)
    path = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    return host.start(["bash", "-ec", meant], {**clean_environment(), **path, **env}, name)
