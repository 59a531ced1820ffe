"""A model in a request."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from http_gateway.schemas.base import MAX_TEXT_CHARS, Body, only

MAX_LAYER_SIZE = 65_536
MAX_LAYERS = 10_000
MAX_PATH_CHARS = 4096
LayerSize = Annotated[int, Field(ge=1, le=MAX_LAYER_SIZE)]
Pattern = Annotated[str, Field(max_length=200)]
MODEL_WAYS = ("layer_sizes", "layers", "architecture")


class InitialWeights(Body):
    """The weights to begin with, from exactly one of ``file`` and ``job``."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                only({"file": "string"}, ["job", "checkpoint"]),
                only({"job": "string"}, ["file"]),
            ]
        }
    )

    file: str | None = Field(
        None,
        max_length=MAX_PATH_CHARS,
        description="a safetensors file: absolute, or from a folder in the setting data_roots",
    )
    job: str | None = Field(None, max_length=MAX_TEXT_CHARS, description="a job's id")
    checkpoint: str | None = Field(
        None,
        max_length=MAX_TEXT_CHARS,
        description="one of the job's; initial: what it began with; default: its newest",
    )
    new: list[Pattern] | None = Field(
        None,
        max_length=100,
        description="layers that the seed draws instead, such as a last layer for other classes; "
        "patterns as in freeze",
        examples=[["fc"]],
    )

    @model_validator(mode="before")
    @classmethod
    def _check_one_source(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        given = [name for name in ("file", "job") if value.get(name) is not None]
        what = "model_config.initial_weights"
        text = f"{what} has {' and '.join(given) or 'neither file nor job'}, but must have one"
        if len(given) == 1 and (given == ["job"] or value.get("checkpoint") is None):
            return value
        if len(given) == 1:
            text = f"{what}.checkpoint is a job's, but {what} has a file"
        raise PydanticCustomError("exactly_one", "{text}", {"text": text})


class ModelConfig(Body):
    """The model, given by exactly one of ``layer_sizes``, ``layers`` and ``architecture``."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                only({"layer_sizes": "array"}, ["layers", "architecture", "config"]),
                only({"layers": "array"}, ["layer_sizes", "architecture", "config"]),
                only({"architecture": "string"}, ["layer_sizes", "layers"]),
            ]
        }
    )

    layer_sizes: list[LayerSize] | None = Field(
        None,
        min_length=2,
        max_length=MAX_LAYERS + 1,
        description="linear layers with ReLU between: features in, hidden sizes, classes out",
        examples=[[784, 128, 64, 10]],
    )
    layers: list[dict[str, Any]] | None = Field(
        None,
        min_length=1,
        max_length=MAX_LAYERS,
        description="any layers, each an object with its type and PyTorch's own arguments; "
        "GET /api/layers lists them",
        examples=[[{"type": "Flatten"}, {"type": "Linear", "out_features": 10}]],
    )
    architecture: str | None = Field(
        None,
        max_length=MAX_TEXT_CHARS,
        description="the name of an architecture; GET /api/architectures lists them",
        examples=["cnn"],
    )
    config: dict[str, Any] | None = Field(
        None, description="the architecture's fields", examples=[{"channels": [32, 64]}]
    )
    initial_weights: InitialWeights | None = Field(
        None, description="in place of those that the seed draws"
    )
    seed: int | None = Field(
        None, ge=0, le=2**63 - 1, description="of weights and order; default 0"
    )

    @model_validator(mode="before")
    @classmethod
    def _check_one_way(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        given = [way for way in MODEL_WAYS if value.get(way) is not None]
        if len(given) != 1:
            has = " and ".join(given) or f"neither {' nor '.join(MODEL_WAYS)}"
            text = f"model_config has {has}, but must have exactly one of {', '.join(MODEL_WAYS)}"
            raise PydanticCustomError("exactly_one", "{text}", {"text": text})
        if value.get("config") is not None and given != ["architecture"]:
            text = f"model_config.config is an architecture's, but model_config has {given[0]}"
            raise PydanticCustomError("exactly_one", "{text}", {"text": text})
        return value
