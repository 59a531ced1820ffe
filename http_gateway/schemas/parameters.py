"""Parameters of a path or a query, and values like theirs."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from http_gateway.schemas.base import MAX_TEXT_CHARS

MAX_INDEX = 2**31 - 1
MAX_SEQ = 2**53 - 1
"""Up to which JSON's numbers are exact."""


def _ip(value: str) -> str:
    if value == "localhost":
        return value
    try:
        ipaddress.ip_address(value)
    except ValueError:
        raise PydanticCustomError(
            "ip",
            "an IP address such as 192.168.1.100, or localhost; for a host name give the address "
            "that the Ray dashboard shows",
        ) from None
    return value


IP_FORMS: Any = {"anyOf": [{"const": "localhost"}, {"format": "ipv4"}, {"format": "ipv6"}]}
Ip = Annotated[
    str, Field(max_length=MAX_TEXT_CHARS, json_schema_extra=IP_FORMS), AfterValidator(_ip)
]


DATASET_NAME = re.compile("[a-z0-9_-]{1,64}")


def _dataset_name(value: str) -> str:
    if DATASET_NAME.fullmatch(value) is None:
        raise PydanticCustomError("choice", "1 to 64 of the characters a-z, 0-9, _ and -")
    return value


DatasetName = Annotated[
    str,
    Field(description="such as pets", json_schema_extra={"pattern": f"^{DATASET_NAME.pattern}$"}),
    AfterValidator(_dataset_name),
]
"""Of an uploaded data set."""


def _setting(value: str) -> str:
    if SETTING.match(value) is None:
        raise PydanticCustomError("choice", "NAME=VALUE, such as target=diagnosis")
    return value


SETTING = re.compile("([a-z_]+)=")
MAX_SETTING_CHARS = 10_000
Setting = Annotated[
    str,
    Field(max_length=MAX_SETTING_CHARS, json_schema_extra={"pattern": "^[a-z_]+="}),
    AfterValidator(_setting),
]
"""A field of ``dataset_config``, by its name."""


NAMES = r"[A-Za-z0-9_]{1,64}(,[A-Za-z0-9_]{1,64}){0,31}"


def _names(value: str) -> str:
    if re.fullmatch(NAMES, value) is None:
        raise PydanticCustomError(
            "choice", "1 to 32 names joined by commas, each of 1 to 64 letters, digits and _"
        )
    return value


Names = Annotated[str, Field(json_schema_extra={"pattern": f"^{NAMES}$"}), AfterValidator(_names)]
"""Several in one parameter."""


def _job_ids(value: str) -> str:
    if re.fullmatch(NAMES, value) is None:
        raise PydanticCustomError("choice", "1 to 32 ids of jobs joined by commas, such as 3,5")
    return value


JobIds = Annotated[
    str, Field(json_schema_extra={"pattern": f"^{NAMES}$"}), AfterValidator(_job_ids)
]
"""Of several jobs, in one parameter."""


def _plain_digits(value: str) -> str:
    if not (value.isascii() and value.isdigit()):
        raise PydanticCustomError("digits", "plain digits")
    return value


def _plain_flag(value: str) -> bool:
    if value not in ("true", "false"):
        raise PydanticCustomError("flag", "true or false")
    return value == "true"


PlainInt = Annotated[int, BeforeValidator(_plain_digits)]
"""A number in a path or a query."""
PlainIndex = Annotated[int, Field(ge=0, le=MAX_INDEX), BeforeValidator(_plain_digits)]
PlainSeq = Annotated[int, Field(ge=0, le=MAX_SEQ), BeforeValidator(_plain_digits)]
"""The number of an entry in the log."""
PlainCount = Annotated[int, Field(ge=1, le=MAX_INDEX), BeforeValidator(_plain_digits)]
PlainFlag = Annotated[bool, BeforeValidator(_plain_flag)]


class JobPath(BaseModel):
    """``<job_id>``."""

    job_id: str = Field(description='"1", "2", …')
