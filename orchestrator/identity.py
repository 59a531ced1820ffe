"""Random names, unique across databases, clusters and processes."""

from __future__ import annotations

import secrets


def draw_identity(name: str) -> str:
    """``name`` for people, and what is never drawn twice; fit for a folder and for an actor."""
    return f"{name}-{secrets.token_hex(8)}"
