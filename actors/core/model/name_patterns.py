"""Patterns by which a user names parts of a model."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase

from actors.core.errors import InvalidRequest
from actors.core.fields import shown_value

Patterns = tuple[str, ...]
"""Each the index of a block, or a name with wildcards of tensors or of a module of theirs."""


def names_meant(names: Sequence[Collection[str]], patterns: Patterns, where: str) -> frozenset[str]:
    """Of ``names``, which are listed by block, those that the patterns mean. Raises
    ``InvalidRequest`` for a pattern that means none; its text begins with ``where``."""
    return frozenset(name for pattern in patterns for name in _meant(names, pattern, where))


def matches(name: str, pattern: str) -> bool:
    """Whether a pattern that is not the index of a block means the name."""
    if _is_index(pattern):
        return False
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*")


def _meant(names: Sequence[Collection[str]], pattern: str, where: str) -> Collection[str]:
    if _is_index(pattern):
        if int(pattern) < len(names):
            return names[int(pattern)]
        raise InvalidRequest(
            f"{where} has {shown_value(pattern)}, but blocks count from 0 to {len(names) - 1}; a "
            f'layer is meant by its parameters, as "{pattern}.*"'
        )
    found = [name for own in names for name in own if matches(name, pattern)]
    if not found:
        raise InvalidRequest(
            f"{where} has {shown_value(pattern)}, which is no block of 0 to {len(names) - 1} and "
            f"matches no parameter: they are named as {next(iter(names[0]), 'none')}"
        )
    return found


def _is_index(pattern: str) -> bool:
    return pattern.isascii() and pattern.isdigit()
