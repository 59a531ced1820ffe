"""Figures as people read them."""

from __future__ import annotations

from datetime import datetime, timezone


def size_text(num_bytes: float) -> str:
    """Such as "1.2 GB"."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if num_bytes >= size:
            return f"{num_bytes / size:.1f} {unit}"
    return f"{num_bytes:.0f} bytes"


def time_text(at_ms: int) -> str:
    """Such as "2026-01-02T03:04:05.678+00:00"; ``at_ms`` is since 1970, UTC."""
    at = datetime.fromtimestamp(at_ms / 1000, timezone.utc)
    return at.isoformat(timespec="milliseconds")
