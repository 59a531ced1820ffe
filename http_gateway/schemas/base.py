"""What bodies of requests have in common."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

MAX_TEXT_CHARS = 64


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
