"""Arguments of layers that follow from what the layer before gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from actors.core.errors import InvalidRequest
from actors.core.fields import Field, check_field, check_known, count
from actors.core.model.model_spec import TensorSpec

Follows = Callable[[TensorSpec], int]
"""The value that follows from what the layer before gives."""


@dataclass(frozen=True)
class FollowingField(Field):
    """A field that may be left out; where it is given, it must be what follows."""

    follows: Follows = lambda before: 0

    @property
    def is_required(self) -> bool:
        return False


def following(follows: Follows) -> FollowingField:
    """A size that follows from the layer before."""
    size = count()
    says = f"{size.says}; it may be left out, for it follows from the layer before"
    return FollowingField(size.check, says, follows=follows)


def check_arguments(
    where: str, kind: str, fields: Mapping[str, Field], given: Mapping[str, Any], before: TensorSpec
) -> dict[str, Any]:
    """Every argument's value, in the order of ``fields``; raises ``InvalidRequest``.

    ``where`` names the layer, such as ``model_config.layers[3]``; ``before`` is its input.
    """
    check_known(where, kind, fields, given)
    values = {}
    for name, field in fields.items():
        if not isinstance(field, FollowingField):
            values[name] = check_field(where, kind, name, field, given)
            continue
        wanted = field.follows(before)
        if name in given and check_field(where, kind, name, field, given) != wanted:
            raise InvalidRequest(
                f"{where}.{name} is {given[name]}, but the layer before gives {before.text}: use "
                f"{wanted}, or leave {name} out"
            )
        values[name] = wanted
    return values
