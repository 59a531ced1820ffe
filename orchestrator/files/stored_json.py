"""Converts frozen dataclasses to JSON for the store and back, by their fields' types: one way for
all.

The store has parsed values. They are read back as they are, and not checked against today's limits.
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
    """The inverse of ``to_stored``. Raises ``ValueError`` if it is not a stored ``kind``."""
    value: Kept = _adapter(kind).validate_python(stored)
    return value


_adapter: Callable[[Any], TypeAdapter[Any]] = functools.cache(TypeAdapter)
