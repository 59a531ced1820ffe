"""A kind with its arguments, as a train_config names it: an optimiser, a schedule of rates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from actors.core.errors import InvalidRequest
from actors.core.fields import Argument, Field, check_fields, shown_value


@dataclass(frozen=True)
class KindSpec:
    """The name of a kind, and every argument as checked."""

    kind: str
    arguments: tuple[tuple[str, Argument], ...] = ()

    @property
    def keywords(self) -> dict[str, Any]:
        """The arguments by name."""
        return dict(self.arguments)

    def as_json(self) -> dict[str, Any]:
        """Fit for ``parse_kind``."""
        return {"type": self.kind, **self.keywords}


Objection = Callable[[Mapping[str, Any]], str | None]
"""Why arguments that are each right do not go together, with the remedy; None where they do."""


class RegisteredKind(Protocol):
    """An entry of a registry."""

    @property
    def name(self) -> str: ...

    @property
    def fields(self) -> Mapping[str, Field]: ...

    @property
    def objection(self) -> Objection: ...


def none(arguments: Mapping[str, Any]) -> None:
    """All arguments go together."""


def parse_kind(where: str, kinds: Mapping[str, RegisteredKind], given: Any) -> KindSpec:
    """``given`` is a name or ``{"type": name, …}``; raises ``InvalidRequest``."""
    named = {"type": given} if isinstance(given, str) else given
    known = ", ".join(sorted(kinds))
    if not isinstance(named, Mapping):
        raise InvalidRequest(
            f"{where} is {shown_value(given)}, but must be one of {known}, or an object such as "
            f'{{"type": "{next(iter(kinds))}"}}'
        )
    name = named.get("type")
    if not isinstance(name, str) or name not in kinds:
        raise InvalidRequest(f"{where}.type is {shown_value(name)}, but must be one of {known}")
    kind = kinds[name]
    arguments = {key: value for key, value in named.items() if key != "type"}
    values = check_fields(where, name, kind.fields, arguments)
    objection = kind.objection(values)
    if objection is not None:
        raise InvalidRequest(f"{where}: {objection}")
    return KindSpec(name, tuple(values.items()))
