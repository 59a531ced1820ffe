"""What a job may be made of: layers, architectures, sources."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from http_gateway.operations.operation import Operation
from http_gateway.operations.table.traits import QUICK


class KindField(BaseModel):
    """One argument of a layer, an architecture or a source; ``default`` is absent where there is
    none."""

    values: str = Field(description="what it may be, in words, with its range")
    required: bool
    default: Any = None


class ShownLayer(BaseModel):
    """A kind of layer."""

    type: str
    about: str
    takes: str = Field(description="dtype of what it is given: float32, int64 or any")
    ranks: list[int] = Field(description="numbers of dimensions of a sample; empty: any")
    has_layers: bool = Field(description="whether it has layers of its own")
    fields: dict[str, KindField]


class LayerList(BaseModel):
    """GET /api/layers."""

    layers: list[ShownLayer]


class ShownArchitecture(BaseModel):
    """An architecture."""

    architecture: str
    about: str
    takes: str = Field(description="dtype of what it is given: float32 or int64")
    ranks: list[int] = Field(description="numbers of dimensions of a sample; empty: any")
    fields: dict[str, KindField] = Field(description="of model_config.config")


class ArchitectureList(BaseModel):
    """GET /api/architectures."""

    architectures: list[ShownArchitecture]


class ShownSource(BaseModel):
    """A source of data."""

    name: str
    asked_by: str = Field(description="the field of dataset_config for its name: name or format")
    about: str
    fields: dict[str, KindField] = Field(
        description="of dataset_config, beside name or format, batch_size, val_batch_size, shuffle"
    )


class SourceList(BaseModel):
    """GET /api/sources."""

    sources: list[ShownSource]


CATALOGUE = (
    Operation(
        name="list_layers",
        **QUICK,
        path="/api/layers",
        noun="models",
        summary="The kinds of layers for model_config.layers, with their fields",
        response=LayerList,
        result_name="layers",
    ),
    Operation(
        name="list_architectures",
        **QUICK,
        path="/api/architectures",
        noun="models",
        summary="The architectures for model_config.architecture, with the fields of config",
        response=ArchitectureList,
        result_name="architectures",
    ),
    Operation(
        name="list_sources",
        **QUICK,
        path="/api/sources",
        noun="models",
        summary="The sources of data for dataset_config, with their own fields",
        response=SourceList,
        result_name="sources",
    ),
)
