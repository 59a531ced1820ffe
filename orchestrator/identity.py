"""Names that nobody else has, in this database, cluster or process or another."""

from __future__ import annotations

import secrets


def draw_identity(name: str) -> str:
    """``name`` for people, and what is never drawn twice; fit for a folder and for an actor."""
    return f"{name}-{secrets.token_hex(8)}"
