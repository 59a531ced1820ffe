"""Fields that several formats share."""

from __future__ import annotations

from typing import Any

from actors.core.fields import Field, count, number
from actors.core.folders import MAX_PATH_CHARS

DEFAULT_SPLIT = 0.2


def path_field(wanted: str, default: Any = ...) -> Field:
    """The field for the files' place; ``wanted`` says what must be there, such as "a file"."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or not 1 <= len(value) <= MAX_PATH_CHARS:
            raise ValueError
        return value

    says = f"the path of {wanted}: absolute, or from one of the folders in the setting data_roots"
    return Field(check, says) if default is ... else Field(check, says, default)


def split_fields() -> dict[str, Field]:
    """The fields that say how validation samples are drawn, if the files don't separate them."""
    return {
        "validation_split": number(0.0, 1.0, None, above=True, below=True),
        "seed": count(0, 2**32 - 1, 0),
    }
