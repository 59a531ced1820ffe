"""Free ports for tests."""

from __future__ import annotations

import socket


def free_ports(count: int) -> list[int]:
    """Different TCP ports that were free a moment ago."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("0.0.0.0", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
