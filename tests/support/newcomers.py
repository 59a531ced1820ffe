"""Hosts that join their own cluster by `tandem head` and `tandem join`."""

from __future__ import annotations

import sys
import time

from tests.support.hosts import Host, clean_environment

TANDEM = [sys.executable, "-m", "http_gateway.cli"]
TOLD_WITHIN_S = 30.0


def token_of(head: Host) -> str:
    return (head.home / ".tandem" / "tokens" / f"{head.ip}_6379").read_text()


def refusal(
    host: Host, *arguments: str, command: str = "join", python: str = sys.executable, **env: str
) -> str:
    """The one sentence with which a command gives up, in time."""
    began = time.monotonic()
    tandem = [python, "-m", "http_gateway.cli", command]
    done = host.run([*tandem, *arguments], {**clean_environment(), **env})
    assert time.monotonic() - began < TOLD_WITHIN_S
    assert done.returncode == 1, done.stdout
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    return done.stderr
