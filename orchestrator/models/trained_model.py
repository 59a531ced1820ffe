"""A job's trained weights as they travel from the JobManager, and as a file. Needs no PyTorch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from actors.core.input_form import InputForm
from actors.core.transform_spec import TransformSpec

BLOCK_BYTES = 64 * 2**20
MAX_BLOCK_ROWS = 1024
_DTYPES = {"float64": "F64", "float32": "F32", "float16": "F16", "int64": "I64", "int32": "I32"}
_HEADER_ALIGNMENT = 8


@dataclass(frozen=True)
class ModelFacts:
    """The inputs and outputs of a model. ``model`` is its ``model_config`` without the seed,
    ``shape`` and ``dtype`` describe a sample as the model gets it, and ``inputs`` as the data
    stores it. ``mean``, ``std`` and ``unit`` come from its ``Scaling``; they are empty and 1 if
    there is none. ``repeated`` and ``transforms``, those of validation, come from its
    ``SampleView``. ``task`` answers with ``num_outputs`` numbers. ``num_bytes`` counts its state,
    ``row_bytes`` a sample on its way; ``dataset`` names its training data. ``class_names`` are in
    the order of the classes, if these have names. ``weights_id`` is another one for other weights;
    it is empty where nobody asked which they are. ``table_reading`` is what the
    job says of how its own table is written, such as the delimiter."""

    model: Mapping[str, Any]
    shape: tuple[int, ...]
    dtype: str
    inputs: InputForm
    num_outputs: int
    task: str
    num_bytes: int
    row_bytes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    unit: float
    dataset: str
    repeated: int = 1
    transforms: tuple[TransformSpec, ...] = ()
    class_names: tuple[str, ...] = ()
    weights_id: str = ""
    table_reading: Mapping[str, Any] = field(default_factory=dict)

    @property
    def block_rows(self) -> int:
        """So many rows at once take little memory, whatever the model's width."""
        return max(1, min(MAX_BLOCK_ROWS, BLOCK_BYTES // self.row_bytes))


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """``weights`` by the names of one ``nn.Sequential`` of all layers, buffers included: what numpy
    holds, Ray hands over without another copy."""

    facts: ModelFacts
    weights: dict[str, np.ndarray[Any, Any]]


def model_file(model: TrainedModel) -> list[memoryview]:
    """A safetensors file, in parts that follow one another.

    Its metadata holds, as JSON under ``tandem``, ``layer_sizes`` or ``layers``; ``normalize`` where
    inputs are scaled, of pixels on 0..1; ``vocabulary`` where tokens are characters.
    """
    facts = model.facts
    about = dict(facts.model)
    if facts.mean:
        about["normalize"] = {"mean": [*facts.mean], "std": [*facts.std]}
    if facts.inputs.vocabulary is not None:
        about["vocabulary"] = facts.inputs.vocabulary
    return safetensors_file(model.weights, {"tandem": json.dumps(about)})


def safetensors_file(
    arrays: Mapping[str, np.ndarray[Any, Any]], metadata: Mapping[str, str] | None = None
) -> list[memoryview]:
    """8 bytes, the header's length; the header, JSON, padded with spaces; the arrays.

    The parts are views of the arrays' memory: ``safetensors``'s own functions copy everything,
    while they hold Python's lock. A test holds the two against each other byte by byte.
    """
    header: dict[str, Any] = {} if metadata is None else {"__metadata__": dict(metadata)}
    parts, offset = [], 0
    for name, array in sorted(arrays.items()):
        part = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
        end = offset + part.nbytes
        dtype = _DTYPES[array.dtype.name]
        header[name] = {"dtype": dtype, "shape": [*array.shape], "data_offsets": [offset, end]}
        parts.append(part)
        offset = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _HEADER_ALIGNMENT)
    return [memoryview(len(text).to_bytes(8, "little") + text), *parts]
