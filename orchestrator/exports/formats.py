"""The formats in which a trained model is written, beside the plain safetensors file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.export import Dim, ExportedProgram

from actors.core.errors import InvalidRequest, error_text
from actors.core.model.blocks import empty_blocks, num_blocks, plain_models
from actors.core.model.model_spec import DTYPES
from orchestrator.exports.bundle import write_bundle
from orchestrator.models.model_config import model_of_json
from orchestrator.models.trained_model import TrainedModel

EXAMPLE_ROWS = 2
"""Of 0 and 1, torch.export takes a size for a constant."""
MAX_ONNX_BYTES = 2**31 - 2**20
"""An ONNX file is one protobuf message, which has less than 2 GiB; the rest is for the graph."""
MAX_REASON_CHARS = 300

Writer = Callable[[TrainedModel, Mapping[str, Any], Path], None]


def plain_module(model: TrainedModel) -> nn.Module:
    """The trained model as PyTorch has it, in eval mode: one ``nn.Sequential`` of all layers, or a
    library's own model."""
    facts = model.facts
    spec = model_of_json(facts.model, facts.shape)
    plain = plain_models(spec)
    if plain is None:
        made: nn.Module = empty_blocks(spec, 0, num_blocks(spec))
    else:
        made = plain.construct(**spec.layers[0].keywords)
    made.load_state_dict({name: torch.tensor(array) for name, array in model.weights.items()})
    return made.eval()


def exported_program(model: TrainedModel) -> ExportedProgram:
    """The plain model as a program for any number of samples. Raises ``InvalidRequest``."""
    facts = model.facts
    example = torch.zeros(EXAMPLE_ROWS, *facts.shape, dtype=DTYPES[facts.dtype])
    try:
        with torch.no_grad():
            return torch.export.export(
                plain_module(model), (example,), dynamic_shapes=({0: Dim("batch", min=1)},)
            )
    except (RuntimeError, ValueError, TypeError) as error:
        raise InvalidRequest(_refusal("torch_export", error)) from error


def _write_program(model: TrainedModel, record: Mapping[str, Any], path: Path) -> None:
    torch.export.save(exported_program(model), path)


def _write_onnx(model: TrainedModel, record: Mapping[str, Any], path: Path) -> None:
    """One file, with the weights in it."""
    if model.facts.num_bytes > MAX_ONNX_BYTES:
        raise InvalidRequest(
            f"format is onnx, but the model has {model.facts.num_bytes / 1e9:.1f} GB, and an ONNX "
            "file has less than 2.1 GB: take bundle or torch_export"
        )
    program = exported_program(model)
    try:
        made = torch.onnx.export(
            program, input_names=["inputs"], output_names=["outputs"], verbose=False
        )
    except RuntimeError as error:
        raise InvalidRequest(_refusal("onnx", error)) from error
    assert made is not None
    made.save(path, external_data=False)


def _refusal(model_format: str, error: Exception) -> str:
    cause = error.__cause__ or error  # of which PyTorch tells how to report it
    reason = error_text(cause)[:MAX_REASON_CHARS]
    return (
        f"format is {model_format}, but PyTorch can't export this model ({reason}): take bundle or "
        "safetensors"
    )


WRITERS: dict[str, Writer] = {
    "torch_export": _write_program,
    "onnx": _write_onnx,
    "bundle": write_bundle,
}
