"""How long bytes may be on their way. Pure."""

from __future__ import annotations

BASE_S = 60.0
LEAST_BYTES_PER_S = 250_000.0
"""The slowest link for which Tandem waits: 2 Mbit/s."""


def patience_s(num_bytes: int, base_s: float = BASE_S) -> float:
    """The longest wait for this number of bytes, while their sender answers."""
    return base_s + num_bytes / LEAST_BYTES_PER_S
