"""TFLOPs of past sessions."""

from __future__ import annotations

from pydantic import BaseModel, Field, RootModel

from http_gateway.operations.operation import Operation
from http_gateway.operations.table.traits import QUICK
from http_gateway.schemas.job_details import Teraflops
from http_gateway.schemas.parameters import PlainCount


class TeraflopsQuery(BaseModel):
    """How many sessions."""

    limit: PlainCount | None = Field(None, description="only so many of the latest; default: all")


class SessionTeraflops(RootModel[list[dict[str, Teraflops]]]):
    """One entry a session: device id -> its TFLOPs."""


TERAFLOPS = (
    Operation(
        name="previous_teraflops",
        **QUICK,
        path="/api/previous_teraflops",
        noun="teraflops",
        summary="One entry a session, oldest first",
        query=TeraflopsQuery,
        response=SessionTeraflops,
    ),
)
