"""What Ray knows of objects in its store: where they are, and how large."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import ray

LOCATIONS_TIMEOUT_MS = 5000


def located(references: Iterable[Any]) -> dict[Any, dict[str, Any]]:
    """By reference: ``node_ids`` and ``object_size``, where Ray knows them."""
    found: dict[Any, dict[str, Any]] = ray.experimental.get_object_locations(
        list(references), LOCATIONS_TIMEOUT_MS
    )
    return found


def stored_bytes(references: Iterable[Any]) -> int:
    """Of all of them together, each counted once."""
    known = located(dict.fromkeys(references))
    return sum(found.get("object_size") or 0 for found in known.values())
