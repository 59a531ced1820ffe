"""Frozen dataclasses <-> JSON for the store, by their fields' types: one way for all of them.

What is stored is what was parsed: it is read back as it is, and not checked against today's limits.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import TypeAdapter

Kept = TypeVar("Kept")


def to_stored(value: Any) -> Any:
    """Fit for JSON and for ``from_stored``."""
    return _adapter(type(value)).dump_python(value, mode="json")


def from_stored(kind: type[Kept], stored: Any) -> Kept:
    """What ``to_stored`` was given. Raises ``ValueError`` where it was none of ``kind``."""
    value: Kept = _adapter(kind).validate_python(stored)
    return value


_adapter: Callable[[Any], TypeAdapter[Any]] = functools.cache(TypeAdapter)
