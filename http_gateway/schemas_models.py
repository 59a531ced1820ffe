"""Responses about what a model may be made of."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class KindField(BaseModel):
    """One argument of a layer, or of an architecture; ``default`` is absent where there is none."""

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
