"""A job's trained model as a file."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from http_gateway.operations.operation import Operation
from http_gateway.operations.table.traits import JOB, READS
from http_gateway.schemas.base import MAX_TEXT_CHARS, Query

EXPORT_TIMEOUT_S = 480.0  # it may wait for others, and for a large model to be read and traced
BYTES = "application/octet-stream"
ModelFormat = Literal["safetensors", "torch_export", "onnx", "bundle"]
ENDINGS: dict[str, str] = {
    "safetensors": "safetensors",
    "torch_export": "pt2",
    "onnx": "onnx",
    "bundle": "zip",
}
"""Of a file's name, by its format."""


class ModelQuery(Query):
    """Which weights, and in which form."""

    format: ModelFormat = Field(
        "safetensors",
        description="safetensors: the weights; torch_export: a program that torch.export.load "
        "reads; onnx: a program that other frameworks read; bundle: a zip with the weights, a "
        "script that predicts in plain PyTorch, and a model card",
    )
    checkpoint: str | None = Field(
        None, max_length=MAX_TEXT_CHARS, description="one of the job's; default: its newest weights"
    )


EXPORTS = (
    Operation(
        name="get_model",
        **READS,
        **JOB,
        path="/api/jobs/<job_id>/model",
        noun="jobs",
        summary="The trained model as a file",
        query=ModelQuery,
        response={"content": {BYTES: {}}},
        media_type=BYTES,
        timeout_s=EXPORT_TIMEOUT_S,
    ),
)
