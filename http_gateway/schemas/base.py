"""What bodies of requests have in common, and those of errors and of bare answers."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

MAX_TEXT_CHARS = 64


def only(given: dict[str, str], absent: Sequence[str]) -> dict[str, Any]:
    """A JSON schema: an object with the ``given``, by their types, and none of the ``absent``."""
    types = {name: {"type": kind} for name, kind in given.items()}
    nulls = {name: {"type": "null"} for name in absent}
    return {"required": list(given), "properties": types | nulls}


class Body(BaseModel):
    """A request body: exact types, no unknown fields."""

    model_config = ConfigDict(extra="forbid", strict=True)


class RequiredTogether(Body):
    """A body whose missing fields the API document answers with one text."""

    required_fields: ClassVar[tuple[str, ...]]
    required_text: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def _check_required(cls, value: Any) -> Any:
        if isinstance(value, dict) and any(value.get(name) is None for name in cls.required_fields):
            raise PydanticCustomError("required_together", cls.required_text)
        return value


class OptionalBody(Body):
    """A body that may be absent, which the document has to say."""

    model_config = ConfigDict(openapi_extra={"required": False})  # type: ignore[typeddict-unknown-key]


class Query(BaseModel):
    """The parameters of a request's query."""

    @classmethod
    def model_json_schema(cls, *args: Any, **options: Any) -> dict[str, Any]:
        """As pydantic has it. flask-openapi3 asks for it with each request, and to make it takes
        three times as long as all else that a request takes."""
        if args or options:
            return super().model_json_schema(*args, **options)
        return _schema(cls)


@functools.cache
def _schema(query: type[Query]) -> dict[str, Any]:
    return super(Query, query).model_json_schema()


class Error(BaseModel):
    """The body of every error."""

    error: str


ERRORS: Any = {str(code): Error for code in (400, 401, 403, 404, 405, 409, 413, 500, 503)}
"""What any route may answer, for the document."""


class Done(BaseModel):
    """What was done."""

    message: str


class NoBody(OptionalBody):
    """A request that takes no fields."""
