"""Fields that a user gives by name and value: the values allowed, the default, and the refusal.

Layers, optimisers and every other kind in a registry describe their arguments by these fields, and
the API's documents use them too.
"""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from actors.core.errors import InvalidRequest

Argument = bool | int | float | str | tuple[bool | int | float | str, ...] | None
"""Of a layer, a source or a transform: its type survives the store."""
REQUIRED: Any = object()
"""The default of a field that has none."""
MAX_SIZE = 2**24
"""The most features, channels or rows of a table."""
MAX_SHOWN = 100
"""Characters of a value in an error."""
MAX_NAMES = 20
"""Of a list of names in an error."""

_LIMITED = reprlib.Repr()
_LIMITED.maxlevel = 3
_LIMITED.maxlist = _LIMITED.maxtuple = _LIMITED.maxdict = 20
_LIMITED.maxstring = _LIMITED.maxlong = _LIMITED.maxother = 3 * MAX_SHOWN

Check = Callable[[Any], Any]
"""The value as it is used; raises ``ValueError`` where it is refused."""


@dataclass(frozen=True)
class Field:
    """One named value. ``says`` describes what it may be, for documents and for errors."""

    check: Check
    says: str
    default: Any = REQUIRED

    @property
    def is_required(self) -> bool:
        return self.default is REQUIRED


def check_fields(
    where: str, kind: str, fields: Mapping[str, Field], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Every field's value, in the order of ``fields``; raises ``InvalidRequest``.

    ``where`` names what has the fields, such as ``train_config.optimizer``, ``kind`` its kind.
    """
    check_known(where, kind, fields, given)
    return {name: check_field(where, kind, name, field, given) for name, field in fields.items()}


def check_known(where: str, kind: str, fields: Collection[str], given: Collection[str]) -> None:
    """Raises ``InvalidRequest`` for a name that is not in ``fields``."""
    for name in given:
        if name not in fields:
            known = ", ".join(fields) or "none"
            raise InvalidRequest(f"{path(where, name)} is no argument of {kind}: it takes {known}")


def check_field(where: str, kind: str, name: str, field: Field, given: Mapping[str, Any]) -> Any:
    """Its value, or its default where it is not given; raises ``InvalidRequest``."""
    if name not in given:
        if field.is_required:
            raise InvalidRequest(f"{path(where, name)} is missing: {kind} needs it, {field.says}")
        return field.default
    try:
        return field.check(given[name])
    except InvalidRequest:  # which names what is wrong in it
        raise
    except ValueError:
        shown = shown_value(given[name])
        raise InvalidRequest(f"{path(where, name)} is {shown}, but must be {field.says}") from None


def path(where: str, name: str) -> str:
    """The field ``name`` of ``where``, which is empty for a request itself."""
    return f"{where}.{name}" if where else name


def shown_value(value: Any) -> str:
    """The given value, shortened; it looks no deeper than it shows."""
    text = _LIMITED.repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def shown_names(names: Sequence[str]) -> str:
    """The first names, for an error that lists what there is."""
    more = ", …" if len(names) > MAX_NAMES else ""
    return ", ".join(map(repr, names[:MAX_NAMES])) + more


def did_you_mean(given: str, known: Collection[str]) -> str:
    """The end of an error about a name that is not known: a known one that is close, if there is
    one."""
    start = given[:MAX_SHOWN]  # to compare a long one takes long
    begin_so = [name for name in known if start and name.startswith(start)]
    close = difflib.get_close_matches(start, known, n=1) or begin_so
    return f'; did you mean "{close[0]}"?' if close else ""


def count(minimum: int = 1, maximum: int = MAX_SIZE, default: Any = REQUIRED) -> Field:
    """A whole number; JSON's ``1.0`` and ``true`` are not."""

    def check(value: Any) -> int:
        return _whole(value, minimum, maximum)

    return Field(check, f"a whole number from {minimum:,} to {maximum:,}", default)


def number(
    minimum: float,
    maximum: float,
    default: Any = REQUIRED,
    above: bool = False,
    below: bool = False,
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
    """The sizes of some dimensions."""
    return counts(1, MAX_SIZE, 8, default, fewest=1)


def counts(
    minimum: int, maximum: int, most: int, default: Any = REQUIRED, fewest: int = 0
) -> Field:
    """A list of whole numbers, ``most`` of them at most."""

    def check(value: Any) -> tuple[int, ...]:
        if not isinstance(value, list | tuple) or not fewest <= len(value) <= most:
            raise ValueError
        return tuple(_whole(one, minimum, maximum) for one in value)

    many = f"{fewest} to {most:,} whole numbers"
    return Field(check, f"a list of {many} from {minimum:,} to {maximum:,}", default)


def optional(field: Field, default: Any = None) -> Field:
    """The same, or null."""

    def check(value: Any) -> Any:
        return None if value is None else field.check(value)

    return Field(check, f"{field.says}, or null", default)


def described(field: Field) -> dict[str, Any]:
    """In the form of the API's document of a registry; ``default`` only if there is one."""
    default = {} if field.default is REQUIRED else {"default": field.default}
    return {"values": field.says, "required": field.is_required, **default}


def numbers(
    length: int, minimum: float, maximum: float, default: Any = REQUIRED, below: bool = False
) -> Field:
    """A list of ``length`` numbers from ``minimum`` to ``maximum``, which ``below`` excludes."""
    each = number(minimum, maximum, below=below)

    def check(value: Any) -> tuple[float, ...]:
        if not isinstance(value, list | tuple) or len(value) != length:
            raise ValueError
        return tuple(each.check(one) for one in value)

    return Field(check, f"a list of {length} numbers, each {each.says}", default)


def text(most_chars: int, default: Any = REQUIRED) -> Field:
    """Some text."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= most_chars:
            raise ValueError
        return value

    return Field(check, f"a text of 1 to {most_chars} characters", default)


def texts(most: int, most_chars: int) -> Field:
    """A list of texts, none by default."""

    def check(value: Any) -> tuple[str, ...]:
        if not isinstance(value, list | tuple) or len(value) > most:
            raise ValueError
        if not all(isinstance(one, str) and 0 < len(one) <= most_chars for one in value):
            raise ValueError
        return tuple(value)

    return Field(check, f"a list of up to {most:,} texts of 1 to {most_chars} characters", ())


def _whole(value: Any, minimum: int, maximum: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
        raise ValueError
    return value
