"""The arguments of a kind of layer: what each may be, its default, and how it is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from actors.core.errors import InvalidRequest
from actors.core.model.model_spec import TensorSpec

REQUIRED: Any = object()
"""The default of a field that has none."""
MAX_SIZE = 2**24
"""Of a number of features, channels or rows of a table."""

Check = Callable[[Any], Any]
"""The value as the layer gets it; raises ``ValueError`` with what it must be."""
Follows = Callable[[TensorSpec], int]
"""The value that follows from what the layer before gives."""


@dataclass(frozen=True)
class Field:
    """One argument. ``says`` describes its values, for documents and for errors; ``follows`` is
    None for one that does not follow from the layer before."""

    check: Check
    says: str
    default: Any = REQUIRED
    follows: Follows | None = None

    @property
    def is_required(self) -> bool:
        return self.default is REQUIRED and self.follows is None


def check_arguments(
    where: str, kind: str, fields: Mapping[str, Field], given: Mapping[str, Any], before: TensorSpec
) -> dict[str, Any]:
    """Every field's value, in the order of ``fields``; raises ``InvalidRequest``.

    ``where`` names the layer, such as ``model_config.layers[3]``; ``before`` is what it is given.
    """
    for name in given:
        if name not in fields:
            known = ", ".join(fields) or "none"
            raise InvalidRequest(f"{where}.{name} is no argument of {kind}: it takes {known}")
    return {
        name: _value(f"{where}.{name}", kind, f, name, given, before) for name, f in fields.items()
    }


def _value(
    where: str,
    kind: str,
    field: Field,
    name: str,
    given: Mapping[str, Any],
    before: TensorSpec,
) -> Any:
    if name not in given:
        if field.follows is not None:
            return field.follows(before)
        if field.is_required:
            raise InvalidRequest(f"{where} is missing: {kind} needs it, {field.says}")
        return field.default
    try:
        value = field.check(given[name])
    except ValueError:
        raise InvalidRequest(f"{where} is {given[name]!r}, but must be {field.says}") from None
    if field.follows is not None and value != (wanted := field.follows(before)):
        raise InvalidRequest(
            f"{where} is {value}, but the layer before gives {before.text}: use {wanted}, or leave "
            f"{name} out"
        )
    return value


def count(
    minimum: int = 1,
    maximum: int = MAX_SIZE,
    default: Any = REQUIRED,
    follows: Follows | None = None,
) -> Field:
    """A whole number; JSON's ``1.0`` and ``true`` are none."""

    def check(value: Any) -> int:
        return _whole(value, minimum, maximum)

    says = f"a whole number from {minimum:,} to {maximum:,}"
    if follows is not None:
        says += "; it may be left out, for it follows from the layer before"
    return Field(check, says, default, follows)


def number(
    minimum: float, maximum: float, default: Any, above: bool = False, below: bool = False
) -> Field:
    """A number from ``minimum`` to ``maximum``, one of them left out by ``above`` or ``below``."""

    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError
        inside = minimum < value if above else minimum <= value
        if not inside or not (value < maximum if below else value <= maximum):
            raise ValueError
        return float(value)

    low = f"above {minimum:g}" if above else f"from {minimum:g}"
    high = f"below {maximum:g}" if below else f"to {maximum:g}"
    return Field(check, f"a number {low} {high}", default)


def flag(default: bool) -> Field:
    """True or false."""

    def check(value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValueError
        return value

    return Field(check, "true or false", default)


def choice(values: Sequence[Any], default: Any = REQUIRED) -> Field:
    """One of some words."""

    def check(value: Any) -> Any:
        if not isinstance(value, str) or value not in values:
            raise ValueError
        return value

    return Field(check, f"one of {', '.join(map(repr, values))}", default)


def sizes(
    dims: int,
    minimum: int = 1,
    maximum: int = 4096,
    default: Any = REQUIRED,
    words: Sequence[str] = (),
    none: bool = False,
) -> Field:
    """A whole number, or a list of one for each of ``dims`` dimensions; ``words`` stand as they
    are, and null does with ``none``."""

    def check(value: Any) -> Any:
        if (none and value is None) or (isinstance(value, str) and value in words):
            return value
        if isinstance(value, list | tuple):
            if len(value) != dims:
                raise ValueError
            return tuple(_whole(one, minimum, maximum) for one in value)
        return _whole(value, minimum, maximum)

    says = f"a whole number from {minimum:,} to {maximum:,}, or a list of {dims} of them"
    if words:
        says += f", or one of {', '.join(map(repr, words))}"
    return Field(check, says + (", or null" if none else ""), default)


def shape(default: Any = REQUIRED) -> Field:
    """A list of whole numbers."""

    def check(value: Any) -> tuple[int, ...]:
        if not isinstance(value, list | tuple) or not 1 <= len(value) <= 8:
            raise ValueError
        return tuple(_whole(one, 1, MAX_SIZE) for one in value)

    return Field(check, f"a list of 1 to 8 whole numbers from 1 to {MAX_SIZE:,}", default)


def _whole(value: Any, minimum: int, maximum: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
        raise ValueError
    return value
