"""Figures as people read them."""

from __future__ import annotations


def size_text(num_bytes: float) -> str:
    """Such as "1.2 GB"."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if num_bytes >= size:
            return f"{num_bytes / size:.1f} {unit}"
    return f"{num_bytes:.0f} bytes"
